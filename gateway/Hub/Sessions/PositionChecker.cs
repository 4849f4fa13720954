using System.Diagnostics.CodeAnalysis;
using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>Compares where subscribers stand with the broker's streams, since publish and subscribe loses messages without a word: what is lost last in a channel, no later offset shows.</summary>
/// <remarks>
/// Each watched channel is looked at about every 40 s. A position that is read may be ahead of messages on their way, so it is compared
/// with what the loops have a while later. Where the broker does not answer it is asked again a second later. Thread-safe.
/// </remarks>
internal sealed class PositionChecker : IAsyncDisposable
{
    /// <summary>Between two looks at one channel.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(40);

    /// <summary>How long a message may be on its way.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);

    /// <summary>Reads under way. The next begins when one ends, so that after a restart of the broker all channels are looked at as fast as it answers.</summary>
    private const int MaxReads = 128;

    private readonly HubNode _node;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly Lock _gate = new();

    // In the order in which they are due, since all have the same interval.
    private readonly Queue<(NodeChannel Channel, long Due)> _watched = new();
    private readonly Queue<NodeChannel> _urgent = new();
    private readonly Queue<(NodeChannel Channel, StreamPosition Top, long Due)> _read = new();

    // Not answered: to be looked at again with one of the next steps.
    private readonly Queue<NodeChannel> _unread = new();
    private int _reads;
    private bool _hasFailed;

    public PositionChecker(HubNode node, TimeProvider time)
    {
        (_node, _time) = (node, time);
        _timer = time.CreateTimer(_ => OnStep(), null, Step, Step);
    }

    private long Now => _time.GetTimestamp() / (_time.TimestampFrequency / 1000);

    public void Watch(NodeChannel channel)
    {
        lock (_gate)
        {
            _watched.Enqueue((channel, Now + (long)Interval.TotalMilliseconds));
        }
    }

    /// <summary>Messages of it may have been lost.</summary>
    public void CheckSoon(NodeChannel channel)
    {
        lock (_gate)
        {
            Hurry(channel);
        }
    }

    /// <summary>Of any may.</summary>
    public void CheckAll()
    {
        lock (_gate)
        {
            foreach (var (channel, _) in _watched)
            {
                Hurry(channel);
            }
        }
    }

    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    private void OnStep()
    {
        var now = Now;
        List<(NodeChannel Channel, StreamPosition Top)> toCompare = [];
        lock (_gate)
        {
            while (_read.TryPeek(out var done) && done.Due <= now)
            {
                _read.Dequeue();
                toCompare.Add((done.Channel, done.Top));
            }

            // As long as some are not answered few are tried again: of a broker that is away nobody asks for all channels each second.
            for (var left = _hasFailed ? MaxReads : _unread.Count; left > 0 && _unread.TryDequeue(out var unread); left--)
            {
                _urgent.Enqueue(unread);
            }

            _hasFailed = false;
        }

        foreach (var (channel, top) in toCompare)
        {
            foreach (var loop in channel.Loops)
            {
                loop.Post((Action)(() => loop.Deliveries.Compare(channel.Name, top)));
            }
        }

        while (TryBegin(out var channel))
        {
            _ = ReadAllAsync(channel);
        }
    }

    /// <summary>A channel goes first, once. The gate is held.</summary>
    private void Hurry(NodeChannel channel)
    {
        if (!channel.IsUrgent)
        {
            channel.IsUrgent = true;
            _urgent.Enqueue(channel);
        }
    }

    private bool TryBegin([NotNullWhen(true)] out NodeChannel? channel)
    {
        lock (_gate)
        {
            if (_reads >= MaxReads || !TryNext(out channel))
            {
                channel = null;
                return false;
            }

            _reads++;
            return true;
        }
    }

    /// <summary>The next that is to be looked at now. The gate is held.</summary>
    private bool TryNext([NotNullWhen(true)] out NodeChannel? channel)
    {
        if (_urgent.TryDequeue(out channel))
        {
            channel.IsUrgent = false;
            return true;
        }

        var now = Now;
        while (_watched.TryPeek(out var next) && next.Due <= now)
        {
            _watched.Dequeue();
            if (_node.IsCurrent(next.Channel))
            {
                _watched.Enqueue((next.Channel, now + (long)Interval.TotalMilliseconds));
                if (!next.Channel.IsUrgent)
                {
                    channel = next.Channel;
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>Reads one, and then whatever is next as long as there is anything.</summary>
    private async Task ReadAllAsync(NodeChannel channel)
    {
        for (NodeChannel? next = channel; next is not null; )
        {
            await ReadAsync(next);
            lock (_gate)
            {
                if (!TryNext(out next))
                {
                    _reads--;
                }
            }
        }
    }

    private async Task ReadAsync(NodeChannel channel)
    {
        try
        {
            if (!_node.IsCurrent(channel) || _node.Options.Find(channel.Name) is not { IsPositioned: true } options)
            {
                return;
            }

            var history = await _node.Broker.HistoryAsync(channel.Name, new HistoryQuery(null, 0, false, options.MetaTtl));
            lock (_gate)
            {
                if (history.Status == BrokerStatus.Ok)
                {
                    _read.Enqueue((channel, history.Top, Now + (long)Patience.TotalMilliseconds));
                }
                else
                {
                    // It was away perhaps, and its connections come back one after the other.
                    _hasFailed = true;
                    if (!channel.IsUrgent)
                    {
                        channel.IsUrgent = true;
                        _unread.Enqueue(channel);
                    }
                }
            }
        }
        catch (Exception error)
        {
            // A broker does not throw for what may happen: this is a fault, and the channel's next look comes all the same.
            await Console.Error.WriteLineAsync($"A Hub channel's position was not read for a fault of the gateway: {error}");
        }
    }
}
