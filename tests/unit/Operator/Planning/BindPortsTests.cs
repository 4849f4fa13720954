using Mooring.Operator.Planning;

namespace Mooring.Operator.Tests.Planning;

public sealed class BindPortsTests
{
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
}
