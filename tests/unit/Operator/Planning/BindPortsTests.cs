using Mooring.Kubernetes.Models;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Tests.Planning;

public sealed class BindPortsTests
{
    [Theory]
    [InlineData(80, "Restricted", "80")]
    [InlineData(1023, "Restricted", "1023")]
    [InlineData(1024, "Restricted", null)]
    [InlineData(80, "Baseline", null)]
    public void Plan_WorkloadsPortBelow1024_IsOneThatItMayBind(int port, string podSecurity, string? first)
    {
        var fleet = Fleets.Load(Fleets.Small);
        fleet.Spec.Backends[0].Workload = fleet.Spec.Backends[0].Workload! with { Port = port, PodSecurity = podSecurity };

        var sysctls = FleetPlanner
            .Plan(new FleetInput { Fleet = fleet })
            .Objects.OfType<Deployment>()
            .Single(static one => one.Metadata.Name == ResourceNames.Backend("small", "app"))
            .Spec!.Template!.Spec!.SecurityContext!.Sysctls;

        (sysctls ?? [])
            .Select(static one => (one.Name, one.Value))
            .ShouldBe(first is null ? [] : [("net.ipv4.ip_unprivileged_port_start", first)]);
    }

    [Fact]
    public void Choose_OrdinaryPorts_AreKept() =>
        BindPorts.Choose([9000, 1024]).ShouldBe(new Dictionary<int, int> { [9000] = 9000, [1024] = 1024 }, ignoreOrder: true);

    [Fact]
    public void Choose_PrivilegedAndAdminPorts_AreMoved() =>
        BindPorts
            .Choose([443, 80, 9090])
            .ShouldBe(
                new Dictionary<int, int>
                {
                    [443] = 10443,
                    [80] = 10080,
                    [9090] = 19090,
                },
                ignoreOrder: true
            );

    [Fact]
    public void Choose_MovedPortIsTaken_GoesOn() => BindPorts.Choose([443, 10443])[443].ShouldBe(20443);

    [Fact]
    public void Choose_EveryStepIsTaken_StillFindsOne()
    {
        var chosen = BindPorts.Choose([443, 10443, 20443, 30443, 40443, 50443, 60443]);

        chosen.Values.ShouldBeUnique();
        chosen[443].ShouldBeGreaterThanOrEqualTo(1024);
    }

    [Fact]
    public async Task Choose_TunnelsHaveEveryPortAbove_IsMovedBelow()
    {
        // On a thread of its own: what never ended would hold the test up for ever.
        var chosen = await Task.Run(() => BindPorts.Choose([443, 7835, 1024], static port => port >= 10_000))
            .WaitAsync(TimeSpan.FromSeconds(20));

        chosen[443].ShouldBe(1025);
        chosen[7835].ShouldBe(7835);
    }

    [Fact]
    public async Task Choose_TunnelsHaveEveryPort_StaysWhereItIs()
    {
        var chosen = await Task.Run(() => BindPorts.Choose([443, 80], static port => port is >= 1024 and not BindPorts.Admin))
            .WaitAsync(TimeSpan.FromSeconds(20));

        chosen.ShouldBe(new Dictionary<int, int> { [443] = 443, [80] = 80 }, ignoreOrder: true);
    }
}
