using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Kubernetes.Informers;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Reconciliation;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;

namespace Mooring.Operator.Tests.Reconciliation;

public sealed class OptionalKindTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData("<html>a proxy's page</html>")]
    [InlineData("{\"items\": 5}")]
    [InlineData("[]")]
    public async Task AnswerThatIsNoList_IsAskedForAgain(string body)
    {
        await using var api = await KubernetesApiDouble.StartAsync();
        api.AddFault(
            new Fault
            {
                Match = static request => request.Path.EndsWith("/services", StringComparison.Ordinal),
                Status = 200,
                Body = body,
            }
        );
        using var client = Client(api);
        using var stop = new CancellationTokenSource();
        var kind = Kind(client);

        var running = kind.RunAsync(static () => true, static () => { }, stop.Token);

        await Until.TrueAsync(() => kind.IsPresentIn("any"), Deadline, "the kind, once the answer is a list");
        await stop.CancelAsync();
        await running.WaitAsync(Deadline);
    }

    [Fact]
    public async Task NamespaceThatMayNotBeRead_KeepsItFromNoOther()
    {
        await using var api = await KubernetesApiDouble.StartAsync();
        api.AddFault(
            new Fault
            {
                Match = static request => request.Path.Contains("/namespaces/gone/", StringComparison.Ordinal),
                Times = int.MaxValue,
                Status = 403,
                Reason = "Forbidden",
            }
        );
        using var client = Client(api);
        using var stop = new CancellationTokenSource();
        var kind = Kind(client, "gone", "shop");
        var found = 0;

        var running = kind.RunAsync(static () => true, () => Interlocked.Increment(ref found), stop.Token);

        await Until.TrueAsync(() => kind.IsPresentIn("shop") && found == 1, Deadline, "the kind in the other namespace");
        kind.IsPresentIn("gone").ShouldBeFalse();
        api.ClearFaults();
        await Until.TrueAsync(() => kind.IsPresentIn("gone") && found == 2, Deadline, "the kind in this one too");
        await stop.CancelAsync();
        await running.WaitAsync(Deadline);
    }

    private static KubernetesClient Client(KubernetesApiDouble api) =>
        new(new ClusterConfig { Server = api.Address }, new KubernetesClientOptions { QueriesPerSecond = 0, MaxRetries = 0 });

    private static OptionalKind<Service> Kind(KubernetesClient client, params IReadOnlyList<string> namespaces) =>
        new(
            client,
            ClusterResources.Services,
            namespaces,
            () =>
                new WatchedKind<Service>(
                    client,
                    ClusterResources.Services,
                    namespaces,
                    new SharedInformerOptions<Service>(),
                    NullLoggerFactory.Instance
                ),
            NullLogger<OptionalKind<Service>>.Instance
        )
        {
            Interval = TimeSpan.FromMilliseconds(20),
        };
}
