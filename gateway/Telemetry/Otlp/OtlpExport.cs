using System.Runtime.CompilerServices;
using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Telemetry.Otlp;

/// <summary>Sends the metrics to where the config in force says, and to nobody where it says nothing. Thread-safe.</summary>
/// <remarks>
/// Nothing of OpenTelemetry is loaded before it is wanted: it is several megabytes, and a machine runs many gateways. Collecting and sending is a thread of its
/// own; a collector that is away costs the measurements of that time and nothing else.
/// </remarks>
/// <param name="gateway">Name of the gateway.</param>
/// <param name="read">All metrics, now.</param>
/// <param name="log">Told of each change.</param>
internal sealed class OtlpExport(string gateway, Func<MetricSource> read, GatewayLog log) : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private string? _endpoint;
    private IDisposable? _running;
    private Task _last = Task.CompletedTask;

    /// <summary>Follows a config that came into force. Returns at once.</summary>
    public void Use(GatewayConfig config) => Use(config.Otlp?.Endpoint, config.Fleet);

    /// <summary>Sends what was not sent yet, for two seconds at most, and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        Use(null, "");
        await _last;
    }

    private void Use(string? endpoint, string fleet)
    {
        lock (_gate)
        {
            if (endpoint != _endpoint)
            {
                _endpoint = endpoint;
                // One after another, and never on the caller's thread: the last export may wait for a collector that is away.
                _last = SwitchAsync(_last, endpoint, fleet);
            }
        }
    }

    /// <summary>Has the metrics sent by another in the place of the one that sends them now, which has no more room.</summary>
    private void Renew(string fleet)
    {
        lock (_gate)
        {
            _last = _endpoint is null ? _last : SwitchAsync(_last, _endpoint, fleet);
        }
    }

    private async Task SwitchAsync(Task before, string? endpoint, string fleet)
    {
        await before;
        await Task.Run(() => Switch(endpoint, fleet));
    }

    private void Switch(string? endpoint, string fleet)
    {
        try
        {
            _running?.Dispose();
            _running = endpoint is null ? null : Start(new Uri(endpoint), fleet);
            log.Event("otlp", ("endpoint", endpoint));
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // Telemetry is never a reason to stop serving.
            log.Event("otlp_failed", ("endpoint", endpoint), ("reason", error.Message));
        }
    }

    // A method of its own: what it names is loaded when it is first called.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private OtlpMetrics Start(Uri endpoint, string fleet) => new(endpoint, fleet, gateway, read, () => Renew(fleet), TimeProvider.System);
}
