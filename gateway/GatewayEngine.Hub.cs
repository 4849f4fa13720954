using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Hub;
using Mooring.Gateway.Hub.Listening;
using Mooring.Gateway.Hub.Sessions;

namespace Mooring.Gateway;

/// <summary>WebSocket listeners in Hub mode.</summary>
internal sealed partial class GatewayEngine
{
    private HubListeners? _hubs;

    /// <summary>Those of the config in force, by listener. Thread-safe.</summary>
    public IReadOnlyList<KeyValuePair<string, HubNode>> Hubs => Hub.Nodes;

    /// <summary>Figures of each listener in Hub mode. Reads no lock that a loop takes.</summary>
    public IReadOnlyList<HubLoad> HubLoads() => [.. Hubs.Select(static hub => HubLoad.Of(hub.Key, hub.Value))];

    /// <summary>Clients of Hubs that do not take what is sent to them, those with the most bytes first.</summary>
    public async Task<IReadOnlyList<SlowConsumerLoad>> SlowConsumersAsync()
    {
        var asked = new List<Task<List<SlowConsumerLoad>>>();
        foreach (var (listener, node) in Hubs)
        {
            foreach (var loop in node.Loops)
            {
                var answer = new TaskCompletionSource<List<SlowConsumerLoad>>(TaskCreationOptions.RunContinuationsAsynchronously);
                loop.Post((Action)(() => answer.SetResult(SlowConsumers.Of(listener, loop))));
                asked.Add(answer.Task);
            }
        }

        var lists = await Task.WhenAll(asked).WaitAsync(TimeSpan.FromSeconds(5));
        return SlowConsumers.Heaviest(lists.SelectMany(static list => list));
    }

    /// <summary>No connection has another one behind it.</summary>
    private static bool HubOnly(GatewayConfig config) =>
        config.Listeners is { Count: > 0 } listeners
        && listeners.All(static one => one is { Protocol: ListenerProtocol.WebSocket, WebSocket.Mode: WebSocketMode.Hub });

    private HubListeners Hub =>
        LazyInitializer.EnsureInitialized(
            ref _hubs,
            () => new HubListeners(_options.Name, _options.Brokers ?? HubBrokers.InMemory(_options.Time), _options.Time)
        );
}
