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
        using var client = new KubernetesClient(
            new ClusterConfig { Server = api.Address },
            new KubernetesClientOptions { QueriesPerSecond = 0, MaxRetries = 0 }
        );
        using var stop = new CancellationTokenSource();
        var kind = new OptionalKind<Service>(
            client,
            ClusterResources.Services,
            null,
            () =>
                new WatchedKind<Service>(
                    client,
                    ClusterResources.Services,
                    [],
                    new SharedInformerOptions<Service>(),
                    NullLoggerFactory.Instance
                ),
            NullLogger<OptionalKind<Service>>.Instance
        )
        {
            Interval = TimeSpan.FromMilliseconds(20),
        };

        var running = kind.RunAsync(static () => true, static () => { }, stop.Token);

        await Until.TrueAsync(() => kind.IsPresent, Deadline, "the kind, once the answer is a list");
        await stop.CancelAsync();
        await running.WaitAsync(Deadline);
    }
}
