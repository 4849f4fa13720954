using Mooring.Operator.Entities;
using Mooring.Operator.Host;

namespace Mooring.Operator.Tests.Host;

public sealed class TunnelPortAdviceTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mooring-ports-").FullName;
    private readonly List<string> _said = [];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("32768\t60999", "", 20_000, 20_999, null)]
    [InlineData("32768\t60999", "", 40_000, 40_999, "40000-40999")]
    [InlineData("32768\t60999", "", 32_000, 33_000, "32768-33000")]
    [InlineData("32768\t60999", "", 60_999, 61_100, "60999")]
    [InlineData("1024 65535", "9000,20000-20999", 20_100, 20_200, null)]
    [InlineData("1024 65535", "9000,20000-20099", 20_000, 20_200, "9000,20000-20099,20000-20200")]
    public void With_Table(string range, string reserved, int start, int end, string? expected) =>
        TunnelPortAdvice.With(range, reserved, start, end).ShouldBe(expected);

    [Fact]
    public void Give_PortsThatMayBeTaken_SaysWhatToDo_Once()
    {
        Kernel("32768\t60999", "50000");
        var advice = new TunnelPortAdvice(_folder, _said.Add);
        advice.Give([Fleet(40_000)]);
        advice.Give([Fleet(40_000)]);
        _said
            .ShouldHaveSingleItem()
            .ShouldBe(
                "f: outgoing connections of this machine may take the tunnels' ports 40000 to 40999; reserve them: "
                    + "sysctl -w net.ipv4.ip_local_reserved_ports=50000,40000-40999",
                "what a manifest for a host may not say is no advice"
            );
    }

    [Fact]
    public void Give_SeveralRanges_TheLastLineDoesForAll()
    {
        Kernel("32768\t60999", "");
        new TunnelPortAdvice(_folder, _said.Add).Give([Fleet(40_000), Fleet(20_000), Fleet(50_000)]);
        _said.Count.ShouldBe(2);
        _said[1].ShouldEndWith("ip_local_reserved_ports=40000-40999,50000-50999");
    }

    [Fact]
    public void Give_NoSuchKernel_SaysItAllTheSame()
    {
        new TunnelPortAdvice(_folder, _said.Add).Give([Fleet(40_000)]);
        _said.ShouldHaveSingleItem().ShouldEndWith("ip_local_reserved_ports=40000-40999");
    }

    private static ConnectionFleet Fleet(int start) =>
        new()
        {
            Metadata = new() { Name = "f" },
            Spec = new FleetSpec
            {
                Listeners =
                [
                    new ListenerSpec
                    {
                        Name = "bore",
                        Protocol = "Tunnel",
                        Port = 7835,
                        Tunnel = new TunnelListenerSpec
                        {
                            PortRange = new PortRangeSpec { Start = start, End = start + 999 },
                        },
                    },
                ],
            },
        };

    private void Kernel(string range, string reserved)
    {
        File.WriteAllText(Path.Combine(_folder, "ip_local_port_range"), range + "\n");
        File.WriteAllText(Path.Combine(_folder, "ip_local_reserved_ports"), reserved + "\n");
    }
}
