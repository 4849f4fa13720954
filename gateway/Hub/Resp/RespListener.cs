using System.Text;

namespace Mooring.Gateway.Hub.Resp;

/// <summary>Whom a <see cref="RespListener"/> tells; called by its reading task, one call after the other.</summary>
internal interface IRespListenerOwner
{
    /// <summary>Everything published to the channel from now on comes, as long as the connection lasts.</summary>
    /// <param name="again">It had been so before, and there was a time without.</param>
    void Confirmed(RespListener listener, RespSubscription channel, bool again);

    /// <summary>The server does not want to; it is not asked again.</summary>
    void Refused(RespListener listener, RespSubscription channel, string error);

    void Message(RespSubscription channel, ReadOnlyMemory<byte> payload);
}

/// <summary>Keeps one connection that is subscribed to channels, and subscribes to them again on each new one. Thread-safe.</summary>
/// <remarks>However many channels there are, at most <see cref="Window"/> of them are asked for at a time, so that what waits to be sent is bounded.</remarks>
internal sealed class RespListener(
    IRespLocator locator,
    RespSettings settings,
    RespCounters counters,
    TimeProvider time,
    IRespListenerOwner owner
) : RespKeeper(locator, settings, counters, time), IRespReceiver
{
    private const int Window = 1024;
    private const int Chunk = 64;

    /// <summary>Characters of the longest name; the Hub's own are shorter.</summary>
    private const int MaxName = 1024;

    private readonly Lock _gate = new();
    private readonly NameTable<Entry> _entries = new();
    private readonly Queue<Entry> _changes = new();
    private readonly Queue<(Entry Entry, bool Subscribe, bool EndsCommand)> _asked = new();
    private RespTransport? _transport;
    private bool _sharded;

    /// <summary>Channels subscribed to, or being so.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>Subscribes; true: it already was, and nothing will be confirmed.</summary>
    /// <param name="channel">Which.</param>
    /// <param name="before">It was subscribed to elsewhere, so that messages may be missed until it is confirmed.</param>
    public bool Subscribe(RespSubscription channel, bool before)
    {
        lock (_gate)
        {
            if (_entries.Find(channel.Name) is not { } entry)
            {
                entry = new Entry(channel);
                _entries.Add(entry);
            }

            entry.Channel = channel;
            entry.Wanted = true;
            entry.Before |= before;
            Change(entry);
            Pump();
            return entry is { Sent: true, Outstanding: 0 };
        }
    }

    public void Unsubscribe(string channel)
    {
        lock (_gate)
        {
            if (_entries.Find(channel) is { } entry)
            {
                entry.Wanted = false;
                Change(entry);
                Pump();
            }
        }
    }

    public void Receive(in RespValue value)
    {
        if (value.IsError)
        {
            Fail(value.Text!);
            return;
        }

        // With RESP2 everything but errors is an array; with RESP3 a push, and the answer to PING a line.
        if (value.Kind is not (RespKind.Push or RespKind.Array))
        {
            return;
        }

        var items = value.Items;
        if (items.Length < 3)
        {
            return;
        }

        var kind = items[0].Bytes.Span;
        if (kind.SequenceEqual("message"u8) || kind.SequenceEqual("smessage"u8))
        {
            Deliver(items[1].Bytes.Span, items[2].Bytes);
        }
        else if (kind.SequenceEqual("subscribe"u8) || kind.SequenceEqual("ssubscribe"u8))
        {
            Confirm(items[1].Bytes.Span, subscribe: true);
        }
        else if (kind.SequenceEqual("unsubscribe"u8) || kind.SequenceEqual("sunsubscribe"u8))
        {
            Confirm(items[1].Bytes.Span, subscribe: false);
        }
    }

    public void ReceivedAll()
    {
        lock (_gate)
        {
            Pump();
        }
    }

    public void End(string why)
    {
        lock (_gate)
        {
            _transport = null;
            _asked.Clear();
            foreach (var entry in _entries.All)
            {
                (entry.Sent, entry.Outstanding) = (false, 0);
            }
        }
    }

    protected override async Task UseAsync(RespTransport transport)
    {
        lock (_gate)
        {
            _transport = transport;
            _sharded = Settings.Cluster && transport.Server.HasShardedChannels;
            foreach (var entry in _entries.All)
            {
                Change(entry);
            }

            Pump();
        }

        transport.Start(this);
        await transport.Ended;
    }

    protected override void Ping(RespTransport transport) => transport.Write(RespCommand.Ping.Bytes.Span);

    private void Change(Entry entry)
    {
        if (!entry.Queued)
        {
            entry.Queued = true;
            _changes.Enqueue(entry);
        }
    }

    /// <summary>Asks for what has changed, as far as the window goes.</summary>
    private void Pump()
    {
        var parts = new List<Entry>();
        while (_transport is not null && _asked.Count < Window && _changes.TryPeek(out var first))
        {
            parts.Clear();
            var subscribe = first.Wanted;
            // A cluster wants the channels of one command to be of one slot.
            var most = _sharded ? 1 : Chunk;
            while (parts.Count < most && _changes.TryPeek(out var entry) && (entry.Wanted == subscribe || entry.Wanted == entry.Sent))
            {
                _changes.Dequeue();
                entry.Queued = false;
                if (entry.Wanted != entry.Sent)
                {
                    parts.Add(entry);
                }
                else if (!entry.Wanted)
                {
                    _entries.Remove(entry);
                }
            }

            if (parts.Count > 0)
            {
                Ask(parts, subscribe);
            }
        }

        if (_transport is null)
        {
            Forget();
        }
    }

    private void Ask(List<Entry> entries, bool subscribe)
    {
        var arguments = new RespArgument[entries.Count + 1];
        arguments[0] = (subscribe, _sharded) switch
        {
            (true, true) => "SSUBSCRIBE",
            (true, false) => "SUBSCRIBE",
            (false, true) => "SUNSUBSCRIBE",
            (false, false) => "UNSUBSCRIBE",
        };
        for (var i = 0; i < entries.Count; i++)
        {
            arguments[i + 1] = entries[i].Name;
            entries[i].Sent = subscribe;
            entries[i].Outstanding++;
            _asked.Enqueue((entries[i], subscribe, i == entries.Count - 1));
        }

        if (_transport!.Write(RespCommand.Of(arguments).Bytes.Span) is { } why)
        {
            // Whatever it is, the next connection begins from what is wanted.
            _transport.Abort(why);
        }
    }

    /// <summary>Without a connection nothing has to be asked for what is not wanted.</summary>
    private void Forget()
    {
        while (_changes.TryDequeue(out var entry))
        {
            entry.Queued = false;
            if (!entry.Wanted)
            {
                _entries.Remove(entry);
            }
        }
    }

    private void Confirm(ReadOnlySpan<byte> name, bool subscribe)
    {
        Span<char> chars = stackalloc char[MaxName];
        if (name.Length > chars.Length)
        {
            return;
        }

        var text = chars[..Encoding.UTF8.GetChars(name, chars)];
        RespSubscription channel;
        bool isNews;
        var again = false;
        lock (_gate)
        {
            if (!_asked.TryPeek(out var asked) || asked.Subscribe != subscribe || !text.SequenceEqual(asked.Entry.Name))
            {
                // The slot has gone to another node, and with it the subscription.
                if (subscribe || _entries.Find(text) is not { Sent: true } gone)
                {
                    return;
                }

                gone.Sent = false;
                isNews = gone.Wanted;
                channel = gone.Channel;
            }
            else
            {
                _asked.Dequeue();
                var entry = asked.Entry;
                channel = entry.Channel;
                entry.Outstanding--;
                isNews = subscribe && entry is { Wanted: true, Sent: true, Outstanding: 0 };
                if (isNews)
                {
                    again = entry.Before;
                    entry.Before = true;
                }
                else if (!entry.Wanted && !entry.Sent && !entry.Queued)
                {
                    _entries.Remove(entry);
                }
            }
        }

        if (isNews && subscribe)
        {
            owner.Confirmed(this, channel, again);
        }
        else if (isNews)
        {
            owner.Refused(this, channel, "MOVED");
        }
    }

    /// <summary>An error answers a whole command.</summary>
    private void Fail(string error)
    {
        var refused = new List<RespSubscription>();
        lock (_gate)
        {
            while (_asked.TryDequeue(out var asked))
            {
                asked.Entry.Outstanding--;
                if (asked.Subscribe)
                {
                    asked.Entry.Sent = false;
                    refused.Add(asked.Entry.Channel);
                }

                if (asked.EndsCommand)
                {
                    break;
                }
            }
        }

        foreach (var channel in refused)
        {
            owner.Refused(this, channel, error);
        }
    }

    private void Deliver(ReadOnlySpan<byte> name, ReadOnlyMemory<byte> payload)
    {
        Span<char> chars = stackalloc char[MaxName];
        if (name.Length > chars.Length)
        {
            return;
        }

        var length = Encoding.UTF8.GetChars(name, chars);
        RespSubscription channel;
        lock (_gate)
        {
            if (_entries.Find(chars[..length]) is not { Wanted: true } entry)
            {
                return;
            }

            channel = entry.Channel;
        }

        Counters.CountMessages(1);
        owner.Message(channel, payload);
    }

    private sealed class Entry(RespSubscription channel) : INamed
    {
        /// <summary>The latest of its name.</summary>
        public RespSubscription Channel { get; set; } = channel;

        public string Name => Channel.Name;

        public int NameHash => Channel.NameHash;

        public bool Wanted { get; set; }

        /// <summary>The last that was sent of it on this connection was to subscribe.</summary>
        public bool Sent { get; set; }

        /// <summary>It was confirmed once, here or elsewhere.</summary>
        public bool Before { get; set; }

        public bool Queued { get; set; }

        /// <summary>What was sent of it and is not answered.</summary>
        public int Outstanding { get; set; }
    }
}
