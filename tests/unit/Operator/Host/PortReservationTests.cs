using Mooring.Operator.Entities;
using Mooring.Operator.Host;

namespace Mooring.Operator.Tests.Host;

public sealed class PortReservationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mooring-ports-").FullName;
    private readonly List<string> _said = [];

    private string Reserved => File.ReadAllText(Path.Combine(_folder, "ip_local_reserved_ports")).Trim();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("32768\t60999", "", 20_000, 20_999, null)]
    [InlineData("32768\t60999", "", 40_000, 40_999, "40000-40999")]
    [InlineData("32768\t60999", "", 32_000, 33_000, "32768-33000")]
    [InlineData("32768\t60999", "", 60_999, 61_100, "60999")]
    [InlineData("1024 65535", "9000,20000-20999", 20_100, 20_200, null)]
    [InlineData("1024 65535", "9000,20000-20099", 20_000, 20_200, "9000,20000-20099,20000-20200")]
    public void With_Table(string range, string reserved, int start, int end, string? expected) =>
        PortReservation.With(range, reserved, start, end).ShouldBe(expected);

    [Fact]
    public void Apply_WithTheRight_ReservesAndPutsBack()
    {
        Kernel("32768\t60999", "50000");
        using (var reservation = new PortReservation(_folder, _said.Add))
        {
            reservation.Apply([Fleet("Apply")]);
            Reserved.ShouldBe("50000,40000-40999");
            reservation.Apply([Fleet("Apply")]);
            Reserved.ShouldBe("50000,40000-40999");
            _said.ShouldHaveSingleItem().ShouldContain("reserved the tunnels' ports 40000 to 40999");
        }

        Reserved.ShouldBe("50000");
    }

    [Fact]
    public void Dispose_ChangedBySomebodyElse_IsLeft()
    {
        Kernel("32768\t60999", "");
        using (var reservation = new PortReservation(_folder, _said.Add))
        {
            reservation.Apply([Fleet("Apply")]);
            Kernel("32768\t60999", "1-9");
        }

        Reserved.ShouldBe("1-9");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("Off")]
    public void Apply_Unasked_SaysWhatToDo_Once(string? mode)
    {
        Kernel("32768\t60999", "50000");
        using var reservation = new PortReservation(_folder, _said.Add);
        reservation.Apply([Fleet(mode)]);
        reservation.Apply([Fleet(mode)]);
        _said.ShouldHaveSingleItem().ShouldContain("sysctl -w net.ipv4.ip_local_reserved_ports=50000,40000-40999");
        Reserved.ShouldBe("50000");
    }

    [Fact]
    public void Apply_NoSuchKernel_SaysSo()
    {
        using var reservation = new PortReservation(_folder, _said.Add);
        reservation.Apply([Fleet("Apply")]);
        _said.ShouldHaveSingleItem().ShouldContain("could not");
    }

    private static ConnectionFleet Fleet(string? mode) =>
        new()
        {
            Metadata = new() { Name = "f" },
            Spec = new FleetSpec
            {
                NodeTuning = mode is null ? null : new NodeTuningSpec { Mode = mode },
                Listeners =
                [
                    new ListenerSpec
                    {
                        Name = "bore",
                        Protocol = "Tunnel",
                        Port = 7835,
                        Tunnel = new TunnelListenerSpec
                        {
                            PortRange = new PortRangeSpec { Start = 40_000, End = 40_999 },
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
