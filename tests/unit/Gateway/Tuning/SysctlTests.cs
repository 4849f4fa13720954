using Mooring.Contracts.Tuning;
using Mooring.Gateway.Tuning;

namespace Mooring.Gateway.Tests.Tuning;

public sealed class SysctlTests
{
    [Fact]
    public void Table_NothingThatTheClustersNetworkStandsOn()
    {
        SysctlTable.All.ShouldNotContain(row =>
            row.Name.Contains("forward", StringComparison.Ordinal)
            || row.Name.Contains("rp_filter", StringComparison.Ordinal)
            || row.Name.Contains("bridge", StringComparison.Ordinal)
        );
        SysctlTable.All.ShouldAllBe(row => row.Source.Length > 0);
    }

    [Theory]
    [InlineData("fs.nr_open", "1000", null)]
    [InlineData("fs.nr_open", "-1", "must be one whole number of at least 0")]
    [InlineData("fs.nr_open", "1 2", "must be one whole number of at least 0")]
    [InlineData("net.ipv4.tcp_mem", "1 2 3", null)]
    [InlineData("net.ipv4.tcp_mem", "1\t2\t3", null)]
    [InlineData("net.ipv4.tcp_mem", "1 2", "must be 3 whole numbers of at least 0 with blanks between them")]
    [InlineData("net.ipv4.tcp_mem", "3 2 1", "its numbers must not fall from one to the next")]
    [InlineData("net.core.default_qdisc", "fq", null)]
    [InlineData("net.core.default_qdisc", "fq; reboot", "must be one word of letters, digits, '_', '-' and ','")]
    [InlineData("net.ipv4.ip_local_port_range", "10240 65535", null)]
    [InlineData("net.ipv4.ip_local_port_range", "10240 65536", "must be of 1 to 65535")]
    [InlineData("net.ipv4.ip_local_port_range", "0 65535", "must be of 1 to 65535")]
    [InlineData("net.ipv4.ip_unprivileged_port_start", "0", null)]
    [InlineData("net.ipv4.ip_unprivileged_port_start", "65536", "must be of 0 to 65535")]
    [InlineData("net.ipv4.ip_local_reserved_ports", "8080,9000-9010", null)]
    [InlineData("net.ipv4.ip_local_reserved_ports", "0-1023", null)]
    [InlineData("net.ipv4.ip_local_reserved_ports", "abc", "must be ports of 0 to 65535 and ranges of them, such as 8080,9000-9010")]
    [InlineData("net.ipv4.ip_local_reserved_ports", "9010-9000", "must be ports of 0 to 65535 and ranges of them, such as 8080,9000-9010")]
    [InlineData("net.ipv4.ip_local_reserved_ports", "8080, 9000", "must be ports of 0 to 65535 and ranges of them, such as 8080,9000-9010")]
    [InlineData("net.ipv4.ip_local_reserved_ports", "0,8080", null)]
    [InlineData("net.ipv4.ip_local_reserved_ports", "08080", "must be ports of 0 to 65535 and ranges of them, such as 8080,9000-9010")]
    [InlineData("net.ipv4.tcp_keepalive_time", "0", null)]
    [InlineData("net.ipv4.tcp_keepalive_time", "0120", "must have no leading zeros, which make it octal to the kernel")]
    [InlineData("net.ipv4.tcp_keepalive_time", "2147483", null)]
    [InlineData("net.ipv4.tcp_keepalive_time", "2147484", "must be of 0 to 2147483")]
    [InlineData("net.ipv4.tcp_keepalive_intvl", "2147484", "must be of 0 to 2147483")]
    [InlineData("net.ipv4.tcp_fin_timeout", "2147484", "must be of 0 to 2147483")]
    [InlineData("net.ipv4.tcp_keepalive_probes", "255", null)]
    [InlineData("net.ipv4.tcp_keepalive_probes", "256", "must be of 0 to 255")]
    [InlineData("net.ipv4.tcp_rmem", "1 1 2147483647", null)]
    [InlineData("net.ipv4.tcp_rmem", "0 1 2", "must be of 1 to 2147483647")]
    [InlineData("net.ipv4.tcp_wmem", "1 1 2147483648", "must be of 1 to 2147483647")]
    [InlineData("net.ipv4.tcp_tw_reuse", "2", null)]
    [InlineData("net.ipv4.tcp_tw_reuse", "3", "must be of 0 to 2")]
    [InlineData("net.core.somaxconn", "2147483648", "must be of 0 to 2147483647")]
    [InlineData("net.ipv4.tcp_max_syn_backlog", "2147483648", "must be of 0 to 2147483647")]
    [InlineData("net.ipv4.tcp_max_tw_buckets", "2147483648", "must be of 0 to 2147483647")]
    public void Check_Value_SaysWhatIsWrong(string name, string value, string? problem)
    {
        SysctlTable.TryFind(name, out var row).ShouldBeTrue();

        SysctlValue.Check(row!, value).ShouldBe(problem);
    }

    [Theory]
    [InlineData("20000-20001", "20000,20001", true)]
    [InlineData("29999-30999", "29999,30000-30999", true)]
    [InlineData("8080,9000-9010", "9000-9010,8080,9005", true)]
    [InlineData("20000", "20000,20001", false)]
    [InlineData("20000-20002", "20000,20001", false)]
    [InlineData("20000,20002", "20000-20002", false)]
    [InlineData("", "20000", false)]
    public void Satisfies_ReservedPorts_AreASet(string actual, string wanted, bool satisfied)
    {
        SysctlTable.TryFind("net.ipv4.ip_local_reserved_ports", out var row).ShouldBeTrue();

        SysctlValue.Satisfies(row!, actual, wanted).ShouldBe(satisfied);
    }

    [Fact]
    public void Parse_SysctlFile_AsSysctlReadsIt()
    {
        const string text = """
            # a comment
            ; another
            fs.nr_open = 1000
            -net/core/rmem_max=  2000
            net.ipv4.conf.eth0/1.rp_filter = 1
            net/ipv4/conf/eth0.1/rp_filter = 2
            no setting here
            = 5
            net.ipv4.tcp_mem = 1	2   3
            """;

        HostSysctlFiles
            .Parse(text)
            .ShouldBe([
                ("fs.nr_open", "1000"),
                ("net.core.rmem_max", "2000"),
                ("net.ipv4.conf.eth0/1.rp_filter", "1"),
                ("net.ipv4.conf.eth0/1.rp_filter", "2"),
                ("net.ipv4.tcp_mem", "1 2 3"),
            ]);
    }

    [Fact]
    public void Read_SameFileInTwoDirectories_TheFirstHidesTheOther()
    {
        using var host = new FakeHost();
        host.Write("root/usr/lib/sysctl.d/50-a.conf", "fs.nr_open = 1\nfs.file-max = 1\n");
        host.Write("root/etc/sysctl.d/50-a.conf", "fs.nr_open = 2\n");
        host.Write("root/run/sysctl.d/60-b.conf", "fs.nr_open = 3\n");

        var settings = HostSysctlFiles.Read(host.Path("root"));

        settings.ShouldBe(new Dictionary<string, HostSetting> { ["fs.nr_open"] = new("3", "/run/sysctl.d/60-b.conf") });
    }

    [Theory]
    [InlineData("kernel/net/ipv4/tcp_bbr.ko.zst", "tcp_bbr")]
    [InlineData("kernel/net/netfilter/nf-conntrack.ko", "nf_conntrack")]
    public void NameOf_ModuleFile_IsTheModules(string file, string name) => KernelModules.NameOf(file).ShouldBe(name);
}
