// Hot path: per message, publication and subscriber. See tests/benchmarks.
using System.Collections.Concurrent;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Options;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Queues;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>The sessions of one Hub listener on one event loop, and the channels they are in.</summary>
/// <remarks>
/// Everything here is the loop thread's, but <see cref="Post(object)"/>. It knows neither sockets nor a clock: <see cref="IHubTransport"/> is both.
/// What the broker and other loops have for it waits in one queue, which the turn's end takes; frames are only queued until then too, so each
/// client is written to once a turn.
/// </remarks>
internal sealed class HubLoop
{
    /// <summary>Messages from the broker that wait for this loop, and their bytes; more are dropped, and offsets show it of publications.</summary>
    private const int MaxPosted = 262_144;
    private const long MaxPostedBytes = 64 * 1024 * 1024;

    /// <summary>Posted items that are taken before what they have brought about is written, and bytes of publications.</summary>
    private const int MaxPerRun = 8192;
    private const long MaxBytesPerRun = 256 * 1024;

    /// <summary>Bytes for one client that are written at once: one call takes no more, so that nothing is gained by collecting on.</summary>
    private const int WriteBytes = 32 * 1024;

    /// <summary>The backlog is one number: items in these bits, bytes above them.</summary>
    private const int ItemBits = 24;

    private readonly ConcurrentQueue<object> _posted = new();
    private readonly NameTable<LoopChannel> _channels = new();
    private readonly List<HubSession> _dirty = [];
    private readonly List<HubSession> _sessions = [];
    private readonly HubReceiver _receiver;
    private readonly HubTimers _timers;
    private long _backlog;
    private long _overruns;
    private QueueDepth _depth = QueueDepth.None;
    private CommandScope _scope;
    private int _isLooking;

    /// <param name="node">The listener's.</param>
    /// <param name="transport">Its sessions' sockets.</param>
    /// <param name="compressor">The event loop's; null: one of its own.</param>
    public HubLoop(HubNode node, IHubTransport transport, MessageCompressor? compressor = null)
    {
        Node = node;
        Alone = [this];
        Transport = transport;
        Connects = new ConnectHandler(this);
        Subscribes = new SubscribeHandler(this);
        Deliveries = new DeliveryHandler(this);
        Channels = new ChannelHandler(this);
        Refreshes = new RefreshHandler(this);
        Queues = new QueueHandler(this);
        Compression = new HubCompression(this, compressor ?? new MessageCompressor());
        _receiver = new HubReceiver(this);
        _timers = new HubTimers(this);
    }

    public HubNode Node { get; }

    /// <summary>This one alone, for all channels that only it has.</summary>
    public HubLoop[] Alone { get; }

    public IHubTransport Transport { get; }

    public HubCounters Counters { get; } = new();

    public ConnectHandler Connects { get; }

    public SubscribeHandler Subscribes { get; }

    public DeliveryHandler Deliveries { get; }

    public ChannelHandler Channels { get; }

    public RefreshHandler Refreshes { get; }

    public QueueHandler Queues { get; }

    public HubCompression Compression { get; }

    public HubOptions Options => Node.Options;

    public long Now => Transport.Now;

    public IReadOnlyList<HubSession> Sessions => _sessions;

    /// <summary>Something is posted that <see cref="RunPosted"/> would do.</summary>
    public bool HasPosted => !_posted.IsEmpty;

    /// <summary>It has no session, and nothing to do.</summary>
    public bool IsIdle => _sessions.Count == 0 && _dirty.Count == 0 && _posted.IsEmpty;

    /// <summary>Messages dropped since the loop was behind. Thread-safe.</summary>
    public long Overruns => Volatile.Read(ref _overruns);

    /// <summary>Messages that wait for the loop. Thread-safe.</summary>
    public int Backlog => (int)(Volatile.Read(ref _backlog) & ((1 << ItemBits) - 1));

    /// <summary>What waits for clients that do not take it, as it was when this was asked before. Thread-safe.</summary>
    /// <remarks>Looking is the loop's own work, and none where nobody waits.</remarks>
    public QueueDepth LookAtQueues()
    {
        var known = Volatile.Read(ref _depth);
        if ((Counters.Waiting > 0 || known != QueueDepth.None) && Interlocked.Exchange(ref _isLooking, 1) == 0)
        {
            Post(
                (Action)(
                    () =>
                    {
                        Volatile.Write(ref _depth, Counters.Waiting > 0 ? QueueDepth.Of(_sessions, Now) : QueueDepth.None);
                        Volatile.Write(ref _isLooking, 0);
                    }
                )
            );
        }

        return known;
    }

    /// <summary>A client's WebSocket is open.</summary>
    /// <param name="descriptor">Names it to the transport.</param>
    /// <param name="codec">Its encoding.</param>
    /// <param name="windowBits">Of the compression that it agreed on, 9 to 15; 0: none.</param>
    public HubSession Open(int descriptor, HubCodec codec, byte windowBits = 0)
    {
        var session = new HubSession(this, codec, descriptor, Now, windowBits) { Index = _sessions.Count };
        _sessions.Add(session);
        _timers.Arm(session);
        return session;
    }

    /// <summary>A client's message has come whole.</summary>
    public void Receive(HubSession session, ReadOnlySpan<byte> message) => _receiver.Receive(session, message);

    /// <summary>Goes on with what was held, where nothing blocks it any more.</summary>
    public void Continue(HubSession session) => _receiver.Continue(session);

    /// <summary>The time has come that the transport was asked for.</summary>
    public void OnTimer(HubSession session) => _timers.OnTimer(session);

    /// <summary>Something of a session is due at another time than before.</summary>
    public void Arm(HubSession session) => _timers.Arm(session);

    /// <summary>The client's socket is gone, or is about to be: gives back whatever the session holds.</summary>
    public void Closed(HubSession session)
    {
        if (session.IsClosed)
        {
            return;
        }

        if (session.State == SessionState.Connected)
        {
            Counters.Clients--;
        }

        session.Parked = null;
        Unblocked(session);
        session.State = SessionState.Closed;
        session.Held = null;
        session.HeldRest = null;
        session.Turn = null;
        while (session.SubscriptionCount > 0)
        {
            Subscribes.Leave(session.Subscriptions[^1]);
        }

        _sessions[session.Index] = _sessions[^1];
        _sessions[session.Index].Index = session.Index;
        _sessions.RemoveAt(_sessions.Count - 1);
    }

    /// <summary>Ends a session: what waits goes out, then the close frame.</summary>
    public void Disconnect(HubSession session, HubDisconnect disconnect)
    {
        if (!session.IsClosed)
        {
            if (disconnect == HubDisconnect.Slow)
            {
                Counters.Slow++;
            }

            Closed(session);
            Transport.Close(session, disconnect);
        }
    }

    /// <summary>Queues one message of the protocol.</summary>
    public void Send(HubSession session, byte[] message) =>
        Queue(session, session.WindowBits == 0 ? session.Codec.Framed(message) : Compression.Frame(session, message), null);

    public void SendError(HubSession session, uint id, HubError error)
    {
        Counters.Errors++;
        Send(session, session.Codec.Error(id, error));
    }

    /// <summary>Queues a whole frame.</summary>
    public void Queue(HubSession session, byte[] frame, HubSubscription? source)
    {
        if (session.IsClosed)
        {
            return;
        }

        if (session.Out.Bytes + frame.Length > Options.Config.QueueBytes && !MakeRoom(session, frame.Length))
        {
            Disconnect(session, HubDisconnect.Slow);
            return;
        }

        session.Out.Add(frame, source, (uint)Now);
        if (session.Out.Bytes >= WriteBytes && !session.IsWaiting)
        {
            Transport.Flush(session);
            return;
        }

        if (!session.IsDirty)
        {
            session.IsDirty = true;
            _dirty.Add(session);
        }
    }

    /// <summary>Whether a frame still fits behind what waits, of a session that is still there. Whoever has refused nothing yet is written to first: a burst within a turn makes nobody slow.</summary>
    /// <remarks>The first frame does not count, so that one which is longer than the queue by itself, as what a client has missed may be, does not end its session.</remarks>
    public bool MakeRoom(HubSession session, int bytes)
    {
        if (!session.IsWaiting)
        {
            Transport.Flush(session);
        }

        // Its socket may have been found dead: then it holds nothing any more, and its descriptor is about to be somebody else's.
        return !session.IsClosed && (session.Out.Count == 0 || session.Out.BytesBehindFirst + bytes <= Options.Config.QueueBytes);
    }

    /// <summary>Gives the loop something to do: a publication, a join or leave, or an action. Thread-safe.</summary>
    public void Post(object item)
    {
        var weight = Weight(item);
        var backlog = Interlocked.Add(ref _backlog, weight);
        if (item is not Action && ((backlog & ((1 << ItemBits) - 1)) > MaxPosted || backlog >> ItemBits > MaxPostedBytes))
        {
            Interlocked.Add(ref _backlog, -weight);
            Interlocked.Increment(ref _overruns);
            return;
        }

        _posted.Enqueue(item);
        Transport.Wake();
    }

    /// <summary>Does what was posted, or as much of it as clients may well take. To be called at the end of each turn, before <see cref="FlushAll"/>.</summary>
    public void RunPosted()
    {
        var bytes = 0L;
        for (var done = 1; _posted.TryDequeue(out var item); done++)
        {
            var weight = Weight(item);
            Interlocked.Add(ref _backlog, -weight);
            bytes += weight >> ItemBits;
            switch (item)
            {
                case HubPublication publication:
                    Deliveries.Deliver(publication);
                    break;
                case HubJoinLeave change:
                    Deliveries.Deliver(change);
                    break;
                default:
                    ((Action)item)();
                    break;
            }

            if (done == MaxPerRun || bytes >= MaxBytesPerRun)
            {
                Transport.Wake();
                return;
            }
        }
    }

    /// <summary>Writes to whoever has something waiting.</summary>
    public void FlushAll()
    {
        // A flush that finds a dead socket closes its session, which queues nothing more for it.
        for (var i = 0; i < _dirty.Count; i++)
        {
            _dirty[i].IsDirty = false;
            if (_dirty[i].Out.Count > 0)
            {
                Transport.Flush(_dirty[i]);
            }
        }

        _dirty.Clear();
    }

    /// <summary>The client takes no more for now: it has so long.</summary>
    public void Blocked(HubSession session)
    {
        if (!session.IsWaiting)
        {
            session.IsWaiting = true;
            Counters.Waiting++;
        }

        _timers.Arm(session);
    }

    /// <summary>The client has taken all there was.</summary>
    public void Unblocked(HubSession session)
    {
        if (session.IsWaiting)
        {
            session.IsWaiting = false;
            Counters.Waiting--;
            session.UnparkMore = 0;
            if (session.Parked is not null)
            {
                Post((Action)(() => Subscribes.Unpark(session)));
            }
        }
    }

    /// <summary>Channels with their subscribers here, so many of them at most.</summary>
    public IReadOnlyList<KeyValuePair<string, int>> CountChannels(int max) =>
        [.. _channels.All.Take(max).Select(static channel => KeyValuePair.Create(channel.Name, channel.Count))];

    /// <summary>Who is connected.</summary>
    public HashSet<string> Users() =>
        _sessions
            .Where(static session => session.State == SessionState.Connected)
            .Select(static session => session.User)
            .ToHashSet(StringComparer.Ordinal);

    public LoopChannel? Find(string channel) => _channels.Find(channel);

    public LoopChannel Ensure(string channel)
    {
        if (_channels.Find(channel) is not { } known)
        {
            known = new LoopChannel(channel);
            _channels.Add(known);
        }

        return known;
    }

    public void Drop(LoopChannel channel)
    {
        channel.IsDropped = true;
        _channels.Remove(channel);
        Node.Unsubscribe(this, channel.Name);
    }

    /// <summary>Goes on with a result: at once where it is there, else on the loop once it is, unless the session has ended.</summary>
    public void Then<T>(HubSession session, ValueTask<T> task, Action<T> next)
    {
        if (task.IsCompletedSuccessfully)
        {
            next(task.GetAwaiter().GetResult());
            return;
        }

        session.Pending++;
        _ = LaterAsync(session, task, next, Hold());
    }

    /// <summary>The loop begins with a command; to be ended by <see cref="Leave"/> with what this returns.</summary>
    /// <param name="began">When it came, in ticks of the node's clock; 0: just now.</param>
    public CommandScope Enter(long began)
    {
        var outer = _scope;
        _scope = new CommandScope(began, true, null);
        return outer;
    }

    /// <summary>Whatever could be done of the command is done. A command that was answered is counted.</summary>
    public void Leave(in CommandScope outer, bool isCounted)
    {
        if (isCounted && _scope.UnderWay is null)
        {
            Counters.Responses.Record(DurationBounds.Latency, _scope.Began == 0 ? 0 : Since(_scope.Began));
        }

        _scope = outer;
    }

    /// <summary>The command waits for something, after which <see cref="Resume"/> goes on with it. Null: the loop is at none.</summary>
    public CommandUnderWay? Hold()
    {
        if (!_scope.IsOne)
        {
            return null;
        }

        if (_scope.UnderWay is not { } command)
        {
            command = new CommandUnderWay(_scope.Began == 0 ? Node.Time.GetTimestamp() : _scope.Began);
            _scope = _scope with { UnderWay = command };
        }

        command.Left++;
        return command;
    }

    /// <summary>Goes on with a command. Its time is counted with the last thing that it has waited for.</summary>
    public void Resume(HubSession session, CommandUnderWay? command, Action next)
    {
        var outer = _scope;
        _scope = new CommandScope(command?.Began ?? 0, command is not null, command);
        next();
        _scope = outer;
        if (command is not null && --command.Left == 0 && !session.IsClosed)
        {
            Counters.Responses.Record(DurationBounds.Latency, Since(command.Began));
        }
    }

    private long Since(long began) => (long)Node.Time.GetElapsedTime(began).TotalMicroseconds;

    /// <summary>Whether a client may do what the namespace lets that audience do.</summary>
    public static bool Admits(HubAudience audience, HubSession session, HubSubscription? subscription) =>
        audience switch
        {
            HubAudience.Everyone => true,
            HubAudience.Users => session.User.Length > 0,
            HubAudience.Subscribers => subscription is not null,
            _ => false,
        };

    private static long Weight(object item) => 1 + (item is HubPublication publication ? (long)publication.Payload.Length << ItemBits : 0);

    private async Task LaterAsync<T>(HubSession session, ValueTask<T> task, Action<T> next, CommandUnderWay? command)
    {
        var (failed, result) = (false, default(T)!);
        try
        {
            result = await task.ConfigureAwait(false);
        }
        catch (Exception error)
        {
            // A broker or backend client does not throw for what may happen: this is a fault, and one connection's end.
            await Console.Error.WriteLineAsync($"A Hub connection is closed for a fault of the gateway: {error}");
            failed = true;
        }

        Post(
            (Action)(
                () =>
                {
                    session.Pending--;
                    if (session.IsClosed)
                    {
                        return;
                    }

                    if (failed)
                    {
                        Disconnect(session, HubDisconnect.ServerError);
                        return;
                    }

                    Resume(session, command, () => next(result));
                    Continue(session);
                }
            )
        );
    }
}
