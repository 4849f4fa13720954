using Mooring.Operator.Planning;

namespace Mooring.Operator.Tests.Planning;

/// <summary>What an operator's upgrade does to the pods that run: nothing, unless their template really is another.</summary>
public sealed class RevisionTests
{
    private const string Manifest = """
        apiVersion: mooring.dev/v1alpha1
        kind: ConnectionFleet
        metadata: {name: kept, namespace: shop}
        spec:
          gateway: {image: "gateway:1", resources: {requests: {cpu: 1000m, memory: 1024Mi}}}
          listeners:
          - {name: edge, protocol: TCP, port: 443, backend: app}
          backends:
          - {name: app, addresses: [{address: "10.0.0.1:80"}]}
        """;

    /// <summary>A change of this name rolls every gateway of every user: it must be meant.</summary>
    [Fact]
    public void Revision_OfAKnownTemplate_IsTheOneOfEarlierReleases() => Plan(Manifest).Revision.ShouldBe("14d0c40b");

    [Theory]
    [InlineData("cpu: 1000m, memory: 1024Mi", "memory: 1Gi, cpu: \"1\"")]
    [InlineData("gateway: {", "gateway: {drain: {reconnectsPerSecond: 7}, ")]
    [InlineData("gateway: {", "gateway: {rollout: {maxSurgePercent: 50, progressDeadline: 1m}, ")]
    [InlineData("gateway: {", "gateway: {replicas: 9, capacity: {maxConnections: 5}, ")]
    [InlineData("  listeners:", "  scaling: {rebalance: {}}\n  listeners:")]
    public void Revision_OtherWordsOrWhatIsNotInTheTemplate_Stays(string from, string to) =>
        Plan(Manifest.Replace(from, to, StringComparison.Ordinal)).Revision.ShouldBe(Plan(Manifest).Revision);

    [Theory]
    [InlineData("spec:", "spec:")]
    [InlineData("cpu: 1000m, memory: 1024Mi", "memory: 1Gi, cpu: \"1\"")]
    [InlineData("gateway: {", "gateway: {drain: {lameDuck: 10000ms, deadline: 540s}, ")]
    [InlineData("gateway: {", "gateway: {drain: {lameDuck: 10s, deadline: 9m}, ")]
    public void LastGoodSpec_OtherWords_IsTheSameText(string from, string to)
    {
        var explicitly = Manifest.Replace("gateway: {", "gateway: {drain: {lameDuck: 10s, deadline: 9m}, ", StringComparison.Ordinal);
        var basis = to.Contains("drain", StringComparison.Ordinal) ? explicitly : Manifest;
        LastGoodSpec
            .Write(Fleets.Load(Manifest.Replace(from, to, StringComparison.Ordinal)).Spec)
            .ShouldBe(LastGoodSpec.Write(Fleets.Load(basis).Spec));
    }

    [Fact]
    public void LastGoodSpec_ReadBack_PlansTheSame()
    {
        var fleet = Fleets.Load(Manifest);
        var map = new Kubernetes.Models.ConfigMap();
        map.Metadata.Annotations = new Dictionary<string, string> { [LastGoodSpec.Annotation] = LastGoodSpec.Write(fleet.Spec)! };

        var kept = fleet with { Spec = LastGoodSpec.Read(map)! };

        FleetPlanner
            .Plan(new FleetInput { Fleet = kept })
            .ConfigHash.ShouldBe(FleetPlanner.Plan(new FleetInput { Fleet = fleet }).ConfigHash);
        Plan(Manifest).Revision.ShouldBe(FleetPlanner.Plan(new FleetInput { Fleet = kept, Stream = Stream }).Revision);
    }

    private static readonly StreamEndpoint Stream = new("wss://operator/stream/v1", "ca");

    private static FleetPlan Plan(string manifest) => FleetPlanner.Plan(new FleetInput { Fleet = Fleets.Load(manifest), Stream = Stream });
}
