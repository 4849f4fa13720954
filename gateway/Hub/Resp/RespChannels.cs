namespace Mooring.Gateway.Hub.Resp;

/// <summary>Whom <see cref="RespChannels"/> tells; on any thread, but what concerns one channel one after the other.</summary>
internal interface IRespChannelSink
{
    void Message(RespSubscription channel, ReadOnlyMemory<byte> payload);

    /// <summary>The channel is subscribed to again after a time without, in which messages may have been missed.</summary>
    void Interrupted(RespSubscription channel);
}

/// <summary>Subscriptions to channels of Redis, on connections of their own: one, or in a cluster one for each node that has some.</summary>
/// <remarks>Thread-safe. Each channel is subscribed to at the node that has its slot, with SSUBSCRIBE where the cluster knows it, and follows the slot.</remarks>
internal sealed class RespChannels : IRespListenerOwner, IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly NameTable<RespSubscription> _places = new();
    private readonly Dictionary<RespEndpoint, RespListener> _listeners = [];
    private readonly RespClient _client;
    private readonly RespCounters _counters;
    private readonly TimeProvider _time;
    private readonly IRespChannelSink _sink;
    private readonly RespListener? _single;
    private readonly RespWaits _waits;
    private bool _disposed;

    public RespChannels(RespClient client, RespCounters counters, TimeProvider time, IRespChannelSink sink)
    {
        _client = client;
        _counters = counters;
        _time = time;
        _sink = sink;
        _waits = new RespWaits(time, () => Problem);
        if (client.Cluster is null)
        {
            _single = new RespListener(RespClient.Locator(client.Settings, counters, time), client.Settings, counters, time, this);
            _single.Start();
        }
    }

    /// <summary>Why a connection is missing; null: none is.</summary>
    public string? Problem => Listeners().Select(listener => listener.Problem).FirstOrDefault(problem => problem is not null);

    /// <summary>Channels subscribed to, or being so.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _places.Count;
            }
        }
    }

    /// <summary>Whether it was subscribed to at some time since it was asked for.</summary>
    public bool IsConfirmed(string channel)
    {
        lock (_gate)
        {
            return _places.Find(channel) is { IsConfirmed: true };
        }
    }

    /// <summary>What is subscribed to by that name; null: it is not.</summary>
    public RespSubscription? Find(string channel)
    {
        lock (_gate)
        {
            return _places.Find(channel);
        }
    }

    /// <summary>
    /// Completes once everything that is published comes. It is wanted from now on until <see cref="Unsubscribe"/>, also when this fails.
    /// </summary>
    /// <param name="channel">Is kept, unless there is one of its name, which then goes on.</param>
    /// <param name="deadline">From now.</param>
    /// <exception cref="RespException">Not by the deadline, or the server does not want to.</exception>
    public Task SubscribeAsync(RespSubscription channel, TimeSpan deadline)
    {
        lock (_gate)
        {
            if (_places.Find(channel.Name) is not { } place)
            {
                place = channel;
                _places.Add(place);
            }

            if (place.IsRefused)
            {
                // Perhaps no more.
                place.IsRefused = false;
                place.Listener?.Unsubscribe(place.Name);
                place.Listener = null;
            }

            Settle(place);
            if (place.IsConfirmed)
            {
                return Task.CompletedTask;
            }

            var wait = _waits.Add(deadline);
            wait.Lead(place.Waiting);
            place.Waiting = wait;
            return wait.Task;
        }
    }

    public void Unsubscribe(string channel)
    {
        lock (_gate)
        {
            if (_places.Find(channel) is { } place)
            {
                _places.Remove(place);
                place.Listener?.Unsubscribe(channel);
            }
        }
    }

    /// <summary>Calls may go to another server than before, and channels go there too.</summary>
    public void Follow()
    {
        if (_single is not null)
        {
            // Who was the master may stay open as a replica, and get nothing any more of what is published.
            if (_client.Server is { } now && _single.Server is { } server && now.IsOtherThan(server))
            {
                _single.Drop("calls go to another server");
            }

            return;
        }

        var unused = new List<RespListener>();
        lock (_gate)
        {
            foreach (var place in _places.All)
            {
                Settle(place);
            }

            foreach (var (endpoint, listener) in _listeners)
            {
                if (listener.Count == 0 && !_client.Cluster!.Map.Masters.Contains(endpoint))
                {
                    _listeners.Remove(endpoint);
                    unused.Add(listener);
                }
            }
        }

        foreach (var listener in unused)
        {
            _ = listener.DisposeAsync().AsTask();
        }
    }

    public void Confirmed(RespListener listener, RespSubscription channel, bool again)
    {
        RespWait? waiting;
        lock (_gate)
        {
            if (channel.Listener != listener || _places.Find(channel.Name) != channel)
            {
                return;
            }

            waiting = Confirm(channel);
        }

        // Whoever waits goes on here, on the reader's thread: by way of the pool each connect of a storm would cost two threads' wake-ups more.
        RespWait.EndAll(waiting, null);
        if (again)
        {
            _sink.Interrupted(channel);
        }
    }

    public void Refused(RespListener listener, RespSubscription channel, string error)
    {
        RespWait? waiting = null;
        bool moved;
        lock (_gate)
        {
            if (channel.Listener != listener || _places.Find(channel.Name) != channel)
            {
                return;
            }

            moved = error.StartsWith("MOVED", StringComparison.Ordinal) || error.StartsWith("CLUSTERDOWN", StringComparison.Ordinal);
            if (moved)
            {
                listener.Unsubscribe(channel.Name);
                channel.Listener = null;
            }
            else if (!channel.IsConfirmed)
            {
                channel.IsRefused = true;
                (waiting, channel.Waiting) = (channel.Waiting, null);
            }
        }

        if (moved)
        {
            // The next map says where to.
            _client.Cluster?.Doubt();
        }

        RespWait.EndAll(waiting, new RespServerException(error));
    }

    public void Message(RespSubscription channel, ReadOnlyMemory<byte> payload) => _sink.Message(channel, payload);

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _disposed = true;
        }

        foreach (var listener in Listeners())
        {
            await listener.DisposeAsync();
        }

        _waits.Dispose();
    }

    private List<RespListener> Listeners()
    {
        lock (_gate)
        {
            return _single is null ? [.. _listeners.Values] : [_single];
        }
    }

    /// <summary>Returns who waited for it, to be told once the lock is given back.</summary>
    private static RespWait? Confirm(RespSubscription channel)
    {
        channel.WasConfirmed = true;
        channel.IsConfirmed = true;
        channel.IsRefused = false;
        var waiting = channel.Waiting;
        channel.Waiting = null;
        return waiting;
    }

    /// <summary>Subscribes where the channel belongs now, if that is not where it is.</summary>
    private void Settle(RespSubscription channel)
    {
        var listener = _single ?? At(_client.Cluster!.Map[channel.Slot]);
        if (listener is null || listener == channel.Listener)
        {
            return;
        }

        channel.Listener?.Unsubscribe(channel.Name);
        channel.Listener = listener;
        if (listener.Subscribe(channel, channel.WasConfirmed) && Confirm(channel) is { } waiting)
        {
            // Not under the lock.
            _ = Task.Run(() => RespWait.EndAll(waiting, null));
        }
    }

    private RespListener? At(RespEndpoint? endpoint)
    {
        if (endpoint is null || _disposed)
        {
            return null;
        }

        if (!_listeners.TryGetValue(endpoint, out var listener))
        {
            listener = new RespListener(new FixedLocator(endpoint), _client.Settings, _counters, _time, this);
            _listeners[endpoint] = listener;
            listener.Start();
        }

        return listener;
    }
}
