using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway;

internal sealed partial class GatewayEngine
{
    /// <summary>Connections that a loop takes between two turns, some 15 system calls each: a millisecond.</summary>
    private const int ProbeSlice = 128;

    /// <summary>Between two slices: probes of all peers at one moment would be a burst of packets, too.</summary>
    private static readonly TimeSpan ProbePause = TimeSpan.FromMilliseconds(10);

    /// <summary>Has the peers of raw connections probed sooner than their config says, until <see cref="StopProbingAsync"/>.</summary>
    public Task ProbeAsync(IReadOnlyList<OpenConnection> connections, KeepAliveOptions options) =>
        Task.WhenAll(
            connections
                .Where(static connection => !connection.IsWebSocket)
                .GroupBy(static connection => connection.Loop)
                .Select(group => InSlicesAsync(_loops[group.Key], [.. group], (loop, slice) => loop.Probes.Shorten(slice, options)))
        );

    /// <summary>Gives all of them the keepalive that they had.</summary>
    public Task StopProbingAsync() =>
        Task.WhenAll(
            _loops.Select(async loop =>
                await InSlicesAsync(loop, await loop.InvokeAsync(loop.Probes.Shortened), static (loop, slice) => loop.Probes.Restore(slice))
            )
        );

    private static async Task InSlicesAsync<T>(RelayLoop loop, IReadOnlyCollection<T> items, Action<RelayLoop, T[]> act)
    {
        foreach (var slice in items.Chunk(ProbeSlice))
        {
            await loop.InvokeAsync(() =>
            {
                act(loop, slice);
                return true;
            });
            if (items.Count > ProbeSlice)
            {
                await Task.Delay(ProbePause);
            }
        }
    }
}
