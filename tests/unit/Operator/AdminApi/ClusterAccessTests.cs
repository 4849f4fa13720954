using Microsoft.AspNetCore.Http;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Operator.AdminApi;
using Mooring.Operator.AdminApi.InCluster;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;

namespace Mooring.Operator.Tests.AdminApi;

public sealed class ClusterAccessTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Judge_StrangersTakeEveryQuestion_WhoIsKnownIsAnswered()
    {
        await using var api = await KubernetesApiDouble.StartAsync();
        using var client = new KubernetesClient(
            new ClusterConfig { Server = api.Address },
            new KubernetesClientOptions { QueriesPerSecond = 0, MaxRetries = 0 }
        );
        var time = new ManualTime();
        var access = new ClusterAccess(client, metricsAreOpen: false, time);
        api.AddFault(Answer("tokenreviews", """{"authenticated":true,"user":{"username":"ann"}}"""));
        api.AddFault(Answer("subjectaccessreviews", """{"allowed":true}"""));
        var ann = await JudgeAsync(access, "ann");
        ann.Caller.ShouldBe("ann", $"{ann.Problem}");
        api.AddFault(
            new Fault
            {
                Match = static request => request.Path.Contains("tokenreviews", StringComparison.Ordinal),
                Times = int.MaxValue,
                Hang = true,
            }
        );
        using var gone = new CancellationTokenSource();
        var before = api.Requests.Count;
        var strangers = Enumerable
            .Range(0, ClusterAccess.MaxQuestions)
            .Select(i => JudgeAsync(access, $"stranger-{i}", gone.Token))
            .ToList();
        await Until.TrueAsync(() => api.Requests.Count >= before + strangers.Count, Patience, "every stranger is asked about");

        (await JudgeAsync(access, "ann")).Problem.ShouldBeNull();
        (await JudgeAsync(access, "bob")).Problem.ShouldNotBeNull().Status.ShouldBe(503);

        await gone.CancelAsync();
        await ((Task)Task.WhenAll(strangers)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static Task<AccessVerdict> JudgeAsync(ClusterAccess access, string token, CancellationToken aborted = default)
    {
        var context = new DefaultHttpContext { RequestAborted = aborted };
        context.Request.Headers.Authorization = $"Bearer {token}";
        return access.JudgeAsync(context, AccessRule.List, "", "");
    }

    private static Fault Answer(string resource, string status) =>
        new()
        {
            Match = request => request.Path.EndsWith(resource, StringComparison.Ordinal),
            Status = 201,
            Body = $$"""{"apiVersion":"v1","kind":"Review","metadata":{},"spec":{"token":"t","user":"u"},"status":{{status}}}""",
        };
}
