using System.Globalization;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Metrics.External;
using Mooring.Operator.Reconciliation;

namespace Mooring.Operator.Installation;

/// <summary>Asks an installed operator, and the cluster about it, whether it works.</summary>
internal sealed class ClusterCheck(KubernetesClient client, TimeProvider time, TextWriter output)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(5);
    private static readonly ResourceType<Lease> Leases = ResourceType.For(InstallationJson.Default.Lease);

    public required string Namespace { get; init; }

    /// <summary>The operator's own address.</summary>
    public required Uri Http { get; init; }

    /// <summary>Name of the Lease that its replicas stand for.</summary>
    public required string Lease { get; init; }

    /// <summary>The Service to which the metrics API is to be registered; null: it is not served.</summary>
    public string? MetricsService { get; init; }

    /// <summary>Checks until all is well or the time is over; writes a line for each check. Returns whether all is well.</summary>
    public async Task<bool> RunAsync(TimeSpan timeout, CancellationToken cancellation)
    {
        using var http = new HttpClient { Timeout = RequestTimeout };
        (string What, Func<Task<string?>> Wrong)[] checks =
        [
            ("the definition is served and fleets can be listed", () => FleetsAsync(cancellation)),
            ("a replica is ready", () => ReadyAsync(http, cancellation)),
            ("it follows the cluster", () => FollowsAsync(http, cancellation)),
            ("one of them leads", () => LedAsync(cancellation)),
            .. MetricsService is null
                ? []
                : new (string, Func<Task<string?>>)[] { ("external.metrics.k8s.io is served", () => RegisteredAsync(cancellation)) },
        ];
        var start = time.GetTimestamp();
        var all = true;
        foreach (var (what, wrong) in checks)
        {
            var problem = await TryAsync(wrong);
            while (problem is not null && time.GetElapsedTime(start) < timeout)
            {
                await Task.Delay(Pause, time, cancellation);
                problem = await TryAsync(wrong);
            }

            all &= problem is null;
            await output.WriteLineAsync(problem is null ? $"ok: {what}" : $"failed: {what}: {problem}");
        }

        return all;
    }

    private static async Task<string?> TryAsync(Func<Task<string?>> check)
    {
        try
        {
            return await check();
        }
        catch (TaskCanceledException error) when (error.InnerException is TimeoutException)
        {
            return "no answer in time";
        }
        catch (Exception error) when (error is not (OperationCanceledException or OutOfMemoryException))
        {
            // Also an answer that cannot be read, as of a proxy in between: that is what is wrong, and the next may be better.
            return error.Message;
        }
    }

    private async Task<string?> FleetsAsync(CancellationToken cancellation)
    {
        await client.ListPageAsync(ClusterResources.Fleets, Namespace, new ListOptions { Limit = 1 }, cancellation);
        return null;
    }

    private async Task<string?> ReadyAsync(HttpClient http, CancellationToken cancellation)
    {
        using var answer = await http.GetAsync(new Uri(Http, "/readyz"), cancellation);
        return answer.IsSuccessStatusCode ? null : (await answer.Content.ReadAsStringAsync(cancellation)).Trim();
    }

    private async Task<string?> FollowsAsync(HttpClient http, CancellationToken cancellation)
    {
        using var answer = await http.GetAsync(new Uri(Http, "/metrics"), cancellation);
        if (answer.StatusCode == System.Net.HttpStatusCode.NotFound)
        {
            // Metrics are only for those with the right to them; that the caches are filled, readiness has said.
            return null;
        }

        answer.EnsureSuccessStatusCode();
        var metrics = await answer.Content.ReadAsStringAsync(cancellation);
        return metrics.Contains("kubernetes_informer_watches_total", StringComparison.Ordinal) ? null : "it watches nothing";
    }

    private async Task<string?> LedAsync(CancellationToken cancellation)
    {
        var lease = await client.FindAsync(Leases, Namespace, Lease, cancellation);
        return lease?.Spec switch
        {
            null => $"there is no Lease {Namespace}/{Lease}",
            { HolderIdentity: null or "" } => "nobody holds the Lease",
            { RenewTime: { } renewed, LeaseDurationSeconds: { } seconds } when time.GetUtcNow() - renewed > TimeSpan.FromSeconds(seconds) =>
                string.Create(CultureInfo.InvariantCulture, $"the Lease was renewed last at {renewed:u}"),
            _ => null,
        };
    }

    private async Task<string?> RegisteredAsync(CancellationToken cancellation)
    {
        var registration = await client.FindAsync(MetricsApiServer.Registrations, null, ExternalMetricsApi.Registration, cancellation);
        if (registration?.Spec?.Service is not { } service)
        {
            return $"there is no APIService {ExternalMetricsApi.Registration}";
        }

        if (service.Name != MetricsService || service.Namespace != Namespace)
        {
            return $"the APIService {ExternalMetricsApi.Registration} belongs to {service.Namespace}/{service.Name}";
        }

        var available = registration.Status?.Conditions?.Find(static condition => condition.Type == "Available");
        return available?.Status == "True" ? null : $"not available: {available?.Message ?? "the cluster has not looked yet"}";
    }
}
