using Mooring.Api.Tests.Cluster;

namespace Mooring.Api.Tests.Operators;

/// <summary>Traces of the reconciles, as a collector gets them.</summary>
[Collection(ClusterCollection.Name)]
public sealed class TracingTests(SharedCluster shared)
{
    private static readonly string[] Phases = ["gather", "plan", "apply", "status"];

    [ClusterFact]
    public async Task Reconcile_IsATrace_OfItsPhasesAndTheirRequests()
    {
        await using var receiver = new OtlpReceiver();
        await receiver.StartAsync();
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster, "--otlp-endpoint", receiver.Address);
        await fleet.ApplyQuickstartAsync();

        // The first reconcile makes every object: its trace has all phases, and the applies in theirs.
        List<ReceivedSpan> trace = [];
        await Eventually.HoldsAsync(
            () =>
            {
                var spans = receiver.Spans.ToList();
                trace =
                    spans
                        .GroupBy(static span => span.Trace)
                        .Select(static group => group.ToList())
                        .FirstOrDefault(static group =>
                            group.Any(static span => span.Name == "k8s apply deployments.apps")
                            && group.Any(static span => span.Parent.Length == 0)
                        )
                    ?? [];
                return Task.FromResult(trace.Count > 0 ? null : string.Join('\n', spans));
            },
            TimeSpan.FromMinutes(3)
        );
        var root = trace.Single(static span => span.Parent.Length == 0);
        root.Name.ShouldBe("reconcile fleets");
        root.Service.ShouldBe("mooring-operator");
        (root.Tags["mooring.fleet.namespace"], root.Tags["mooring.fleet.name"]).ShouldBe((fleet.Namespace, "quickstart"));
        root.Tags.Keys.ShouldContain("mooring.fleet.generation");
        foreach (var phase in Phases)
        {
            trace.Single(span => span.Name == phase).Parent.ShouldBe(root.Id);
        }

        var apply = trace.Single(static span => span.Name == "apply");
        foreach (var request in trace.Where(static span => span.Name == "k8s apply deployments.apps"))
        {
            request.Parent.ShouldBe(apply.Id);
            request.Tags["http.request.method"].ShouldBe("PATCH");
            request.Tags["http.response.status_code"].ShouldBeOneOf("200", "201");
        }

        trace
            .Single(static span => span.Name == "k8s patch connectionfleets.mooring.dev/status")
            .Parent.ShouldBe(trace.Single(static span => span.Name == "status").Id);

        // A watch or a renewal of the Lease is no trace.
        receiver.Spans.Where(static span => span.Parent.Length == 0).ShouldAllBe(static span => span.Name == "reconcile fleets");
    }
}
