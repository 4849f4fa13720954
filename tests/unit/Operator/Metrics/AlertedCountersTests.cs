using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Operator.Metrics;
using Mooring.Operator.Run.Troubles;
using Mooring.Operator.Tests.Faults;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;

namespace Mooring.Operator.Tests.Metrics;

/// <summary>What an alert takes the increase of is there before anything happens: a series that begins at 1 has not increased.</summary>
public sealed class AlertedCountersTests : IDisposable
{
    private readonly PrometheusExporter _exporter = new(FleetMetrics.Name);

    public void Dispose() => _exporter.Dispose();

    [Fact]
    public async Task Troubles_AreThereByKind_OnceTheyAreWatched()
    {
        using var client = new KubernetesClient(new ClusterConfig { Server = new Uri("http://127.0.0.1:9") });
        await using var troubles = new TroubleWatch(
            client,
            "operator",
            "lease",
            new TroubleLimits(),
            new ManualTime(),
            NullLoggerFactory.Instance
        );

        await troubles.RunAsync(new CancellationToken(canceled: true));

        // Of the whole process: other tests count too.
        var text = _exporter.Write();
        foreach (var kind in Enum.GetNames<TroubleKind>())
        {
            text.ShouldContain($"mooring_troubles_total{{kind=\"{kind}\"}} ");
        }
    }

    [Fact]
    public async Task Drains_AreThereByCauseAndOutcome_OnceItLeads()
    {
        await using var api = await KubernetesApiDouble.StartAsync();
        await using var leader = OperatorOnDouble.Start(api);

        foreach (var cause in new[] { "rollout", "scale-in", "removed", "manual" })
        {
            foreach (var outcome in new[] { "empty", "deadline", "taken_back" })
            {
                var series = $"mooring_gateway_drains_total{{cause=\"{cause}\",outcome=\"{outcome}\"}} ";
                await Until.TrueAsync(
                    () => _exporter.Write().Contains(series, StringComparison.Ordinal),
                    OperatorOnDouble.Patience,
                    series
                );
            }
        }
    }
}
