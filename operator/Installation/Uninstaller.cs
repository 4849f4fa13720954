using System.Net;
using Mooring.Kubernetes.Client;
using Mooring.Operator.Entities;
using Mooring.Operator.Metrics.External;
using Mooring.Operator.Reconciliation;

namespace Mooring.Operator.Installation;

/// <summary>Empties a cluster of fleets before the operator goes, which alone can drain gateways and have nodes restored.</summary>
internal sealed class Uninstaller(KubernetesClient client, TimeProvider time, TextWriter output)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);

    /// <summary>The operator's own.</summary>
    public required string Namespace { get; init; }

    /// <summary>The operator's Service: the metrics API is taken away where it is registered to that one.</summary>
    public required string Service { get; init; }

    /// <summary>Empty: all.</summary>
    public IReadOnlyList<string> Namespaces { get; init; } = [];

    /// <summary>Returns whether everything is gone; writes a line for each thing that goes, and for what is left when the time is over.</summary>
    public async Task<bool> RunAsync(TimeSpan timeout, CancellationToken cancellation)
    {
        var start = time.GetTimestamp();
        var told = start;
        var registered = true;
        while (true)
        {
            List<ConnectionFleet>? left = null;
            var wrong = "";
            if (registered)
            {
                // First: a registration whose server is gone keeps namespaces from being deleted.
                await TryAsync(async () =>
                {
                    await DeregisterAsync(cancellation);
                    registered = false;
                });
            }

            await TryAsync(async () => left = await FleetsAsync(cancellation));
            foreach (var fleet in (left ?? []).Where(static fleet => fleet.Metadata.DeletionTimestamp is null))
            {
                await TryAsync(() => DeleteAsync(fleet, cancellation));
            }

            if (wrong.Length == 0 && left is { Count: 0 })
            {
                await output.WriteLineAsync("no fleet is left");
                return true;
            }

            if (time.GetElapsedTime(start) > timeout)
            {
                await output.WriteLineAsync(wrong.Length > 0 ? $"given up: {wrong}" : "given up: the time is over");
                foreach (var fleet in left ?? [])
                {
                    await output.WriteLineAsync($"still there: {Describe(fleet)}");
                }

                return false;
            }

            if (time.GetElapsedTime(told) > Silence)
            {
                told = time.GetTimestamp();
                await output.WriteLineAsync(
                    wrong.Length > 0 || left is not { Count: > 0 }
                        ? $"trying again: {wrong}"
                        : $"waiting for {left.Count}: {Describe(left[0])}"
                );
            }

            await Task.Delay(Pause, time, cancellation);

            async Task TryAsync(Func<Task> step)
            {
                try
                {
                    await step();
                }
                catch (Exception error) when (error is not OutOfMemoryException && !cancellation.IsCancellationRequested)
                {
                    // A server that is away for a moment must not make a whole uninstallation fail that has minutes left, nor what cannot go hold up what can.
                    wrong = wrong.Length > 0 ? wrong : error.Message;
                }
            }
        }
    }

    private async Task DeregisterAsync(CancellationToken cancellation)
    {
        ApiService? registration;
        try
        {
            registration = await client.FindAsync(MetricsApiServer.Registrations, null, ExternalMetricsApi.Registration, cancellation);
        }
        catch (KubernetesException error) when (error.Code == HttpStatusCode.Forbidden)
        {
            // Not granted where the release has no metrics API: there is nothing of it to take away.
            return;
        }

        if (registration?.Spec?.Service is { } owner && owner.Name == Service && owner.Namespace == Namespace)
        {
            await client.DeleteAsync(
                MetricsApiServer.Registrations,
                null,
                ExternalMetricsApi.Registration,
                new DeleteOptions { Uid = registration.Metadata.Uid },
                cancellation
            );
            await output.WriteLineAsync($"APIService {ExternalMetricsApi.Registration} deleted");
        }
    }

    private async Task DeleteAsync(ConnectionFleet fleet, CancellationToken cancellation)
    {
        await client.DeleteAsync(
            ClusterResources.Fleets,
            fleet.Metadata.Namespace,
            fleet.Metadata.Name!,
            new DeleteOptions { Propagation = PropagationPolicy.Background, Uid = fleet.Metadata.Uid },
            cancellation
        );
        await output.WriteLineAsync($"{fleet.Metadata.Namespace}/{fleet.Metadata.Name} deleted, drains");
    }

    private async Task<List<ConnectionFleet>> FleetsAsync(CancellationToken cancellation)
    {
        var fleets = new List<ConnectionFleet>();
        foreach (var ns in Namespaces.Count == 0 ? [null] : Namespaces.Cast<string?>())
        {
            try
            {
                fleets.AddRange((await client.ListAsync(ClusterResources.Fleets, ns, cancellationToken: cancellation)).Items);
            }
            catch (KubernetesException error) when (error.IsNotFound)
            {
                // The definition is gone, and every fleet with it.
            }
        }

        return fleets;
    }

    private static string Describe(ConnectionFleet fleet) =>
        $"{fleet.Metadata.Namespace}/{fleet.Metadata.Name}, {fleet.Status?.Phase ?? "unknown"}, gateways draining: {fleet.Status?.Gateways?.Draining ?? 0}";
}
