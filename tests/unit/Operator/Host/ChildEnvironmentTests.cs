using Mooring.Operator.Host;

namespace Mooring.Operator.Tests.Host;

public sealed class ChildEnvironmentTests
{
    private const string Nursery = "DOTNET_GCgen0size";

    [Fact]
    public void Gateways_GetASmallNursery_WorkloadsWhatTheHostHas()
    {
        var own = Environment.GetEnvironmentVariable(Nursery);
        var environment = new ChildEnvironment("/opt/mooring/gateway", "mark");
        var gateway = environment.ForGateway(new("MOORING_NAME", "g-1"), new("PORT", "1"));
        gateway[Nursery].ShouldBe(own ?? "200000");
        (gateway["MOORING_NAME"], gateway["PORT"]).ShouldBe(("g-1", "1"));
        gateway["PATH"].ShouldStartWith("/opt/mooring:");
        environment.With().GetValueOrDefault(Nursery).ShouldBe(own);
        environment.ForGateway(new KeyValuePair<string, string>(Nursery, "400000"))[Nursery].ShouldBe("400000");
    }
}
