using Mooring.Gateway.Hub.Listening;
using Mooring.Gateway.Hub.Sessions;

namespace Mooring.Gateway;

/// <summary>WebSocket listeners in Hub mode.</summary>
internal sealed partial class GatewayEngine
{
    private HubListeners? _hubs;

    /// <summary>Those of the config in force, by listener. Thread-safe.</summary>
    public IReadOnlyList<KeyValuePair<string, HubNode>> Hubs => Hub.Nodes;

    private HubListeners Hub =>
        LazyInitializer.EnsureInitialized(
            ref _hubs,
            () => new HubListeners(_options.Name, _options.Brokers ?? HubBrokers.InMemory(_options.Time), _options.Time)
        );
}
