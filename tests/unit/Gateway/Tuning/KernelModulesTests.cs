using Mooring.Gateway.Tuning;

namespace Mooring.Gateway.Tests.Tuning;

public sealed class KernelModulesTests : IDisposable
{
    private const string Folder = "root/lib/modules/6.1.0-test";
    private readonly FakeHost _host = new();
    private readonly List<string> _inserted = [];

    public KernelModulesTests()
    {
        _host.Write(
            $"{Folder}/modules.dep",
            """
            kernel/net/ipv4/tcp_bbr.ko.zst: kernel/net/sched/sch-fq.ko kernel/lib/middle.ko.xz kernel/lib/deepest.ko
            kernel/lib/deepest.ko:
            kernel/net/alone.ko:

            """
        );
        _host.Write($"{Folder}/modules.builtin", "kernel/net/sched/sch_inbuilt.ko\n");
    }

    public void Dispose() => _host.Dispose();

    [Fact]
    public void Load_WhatItNeedsGoesFirst_TheDeepestBeforeAll()
    {
        Modules(static _ => null).Load("tcp_bbr").ShouldBeNull();

        _inserted.ShouldBe([
            "kernel/lib/deepest.ko",
            "kernel/lib/middle.ko.xz",
            "kernel/net/sched/sch-fq.ko",
            "kernel/net/ipv4/tcp_bbr.ko.zst",
        ]);
    }

    [Fact]
    public void Load_WhatIsThere_IsPassedOver()
    {
        Directory.CreateDirectory(_host.Path("sys/module/sch_fq"));
        Directory.CreateDirectory(_host.Path("sys/module/deepest"));
        var modules = Modules(static _ => null);

        modules.Load("tcp_bbr").ShouldBeNull();
        modules.Load("sch_inbuilt").ShouldBeNull();

        _inserted.ShouldBe(["kernel/lib/middle.ko.xz", "kernel/net/ipv4/tcp_bbr.ko.zst"]);
    }

    [Fact]
    public void Load_OneThatFails_EndsItAndIsNamed()
    {
        Modules(static file => file.Contains("middle", StringComparison.Ordinal) ? "Exec format error" : null)
            .Load("tcp_bbr")
            .ShouldBe("middle: Exec format error");

        _inserted.ShouldBe(["kernel/lib/deepest.ko", "kernel/lib/middle.ko.xz"]);
    }

    [Fact]
    public void Load_NoSuchModule_IsSaid()
    {
        Modules(static _ => null).Load("tcp_other").ShouldBe("the kernel 6.1.0-test has no module tcp_other");
        _inserted.ShouldBeEmpty();
    }

    [Fact]
    public void Load_FileThatIsNotThere_IsSaid() =>
        new KernelModules(_host.Path("root"), _host.Path("sys"), "6.1.0-test").Load("alone").ShouldNotBeNull().ShouldStartWith("alone: ");

    private KernelModules Modules(Func<string, string?> insert) =>
        new(
            _host.Path("root"),
            _host.Path("sys"),
            "6.1.0-test",
            file =>
            {
                _inserted.Add(file);
                return insert(file);
            }
        );
}
