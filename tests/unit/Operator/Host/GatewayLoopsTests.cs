using Mooring.Operator.Host;

namespace Mooring.Operator.Tests.Host;

public sealed class GatewayLoopsTests
{
    [Theory]
    [InlineData(2, 1, 2)]
    [InlineData(2, 2, 1)]
    [InlineData(2, 64, 1)]
    [InlineData(8, 3, 3)]
    [InlineData(8, 4, 2)]
    [InlineData(1, 1, 1)]
    [InlineData(4, 0, 4)]
    public void Loops_TogetherAreAsManyAsProcessorsAtLeast(int processors, int gateways, int loops) =>
        GatewayGroup.LoopsOf(processors, gateways).ShouldBe(loops);
}
