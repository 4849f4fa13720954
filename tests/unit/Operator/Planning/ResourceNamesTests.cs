using Mooring.Operator.Planning;

namespace Mooring.Operator.Tests.Planning;

public sealed class ResourceNamesTests
{
    [Fact]
    public void Backend_OrdinaryNames_AreReadable() => ResourceNames.Backend("shop", "chat").ShouldBe("shop-backend-chat");

    [Fact]
    public void Backend_NamesThatWouldMeet_AreKeptApart() =>
        ResourceNames.Backend("a", "b-backend-c").ShouldNotBe(ResourceNames.Backend("a-backend-b", "c"));

    [Theory]
    [InlineData("7up", "fleet-7up-")]
    [InlineData("a.b", "a-b-")]
    public void Gateway_NamesThatAreNoLabel_AreMadeOne(string fleet, string start)
    {
        ResourceNames.Gateway(fleet).ShouldStartWith(start);
        ResourceNames.Gateway(fleet).ShouldEndWith("-gateway");
    }

    [Fact]
    public void GatewayDeployment_LongNamesThatDifferAtTheEnd_StayDifferent()
    {
        var start = new string('a', 62);

        ResourceNames.GatewayDeployment(start + "b", "01234567").ShouldNotBe(ResourceNames.GatewayDeployment(start + "c", "01234567"));
    }
}
