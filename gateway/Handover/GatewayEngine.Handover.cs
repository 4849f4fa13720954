using Mooring.Contracts.Configuration;
using Mooring.Contracts.Handover;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Datagrams;
using Mooring.Gateway.Handover;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway;

/// <summary>What an engine gives to another process, and takes from one.</summary>
internal sealed partial class GatewayEngine
{
    /// <summary>Where connections of another process come in.</summary>
    public ArrivalDesk Arrivals { get; }

    /// <summary>As <see cref="AdoptAsync"/>, of sockets that are this process's own from now on, as if it had bound them. Before the first config.</summary>
    /// <remarks>UDP sockets are not read before <see cref="ReceiveDatagramsAsync"/>: their clients' flows are still the other process's.</remarks>
    /// <returns>How many were taken; sockets of an address that this gateway does not bind are closed.</returns>
    public int Inherit(IReadOnlyCollection<int> descriptors)
    {
        var datagrams = descriptors.Where(DatagramSocket.Is).ToList();
        var taken = _datagrams.Inherit(datagrams);
        _waitsForDatagrams = taken > 0;
        return taken + _host.Inherit([.. descriptors.Except(datagrams)]);
    }

    /// <summary>The UDP sockets that were inherited are this process's alone to read from now on.</summary>
    public async Task ReceiveDatagramsAsync()
    {
        await _applying.WaitAsync();
        try
        {
            if (_waitsForDatagrams)
            {
                _waitsForDatagrams = false;
                await WatchAsync();
            }
        }
        finally
        {
            _applying.Release();
        }
    }

    /// <summary>The listening sockets of the config in force, each with what it is for. The descriptors stay the engine's.</summary>
    public async Task<IReadOnlyList<(HandoverListener Listener, int Descriptor)>> ListSocketsAsync()
    {
        await _applying.WaitAsync();
        try
        {
            return
            [
                .. from listener in _state.Snapshot?.Listeners ?? []
                from descriptor in Descriptors(listener)
                select (
                    new HandoverListener
                    {
                        Name = listener.Name,
                        Protocol = listener.Protocol,
                        Address = _options.BindAddress.ToString(),
                        Port = listener.BindPort,
                    },
                    descriptor
                ),
            ];
        }
        finally
        {
            _applying.Release();
        }
    }

    /// <summary>Makes sure that listeners of these names are known, as ones that were removed where the config has them not.</summary>
    /// <remarks>Beyond the bound on names nothing is made up, and connections of such a listener are refused.</remarks>
    public async Task EnsureListenersAsync(IEnumerable<string> names)
    {
        var missing = names.Except(_state.Listeners.Select(state => state.Name)).ToList();
        if (missing.Count == 0)
        {
            return;
        }

        await _applying.WaitAsync();
        try
        {
            var states = _state.Listeners.ToList();
            foreach (var name in missing.Except(states.Select(state => state.Name)).Take(LoopCounters.MaxNames - states.Count))
            {
                states.Add(new ListenerState(name, (ushort)states.Count));
            }

            _state.Listeners = [.. states];
        }
        finally
        {
            _applying.Release();
        }
    }

    /// <summary>Waits until DNS has given every backend that needs it an endpoint, for so long at most.</summary>
    public async Task ResolvedAsync(TimeSpan longest, CancellationToken cancel)
    {
        var start = EventLoop.Clock();
        while (
            _state.Backends.Values.Any(backend => NeedsDns(backend) && backend.Set.Endpoints.Length == 0)
            && EventLoop.Clock() - start < longest.TotalMicroseconds
        )
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), cancel);
        }
    }

    private IEnumerable<int> Descriptors(ListenerSnapshot listener) =>
        listener.Protocol == ListenerProtocol.UDP ? _datagrams[listener.BindPort].Select(socket => socket.Descriptor)
        : _host[listener.BindPort] is { } socket ? [socket.Descriptor]
        : [];

    private bool HasRoomForBackend(string name) => _backendIndexes.ContainsKey(name) || _backendIndexes.Count < LoopCounters.MaxNames;
}
