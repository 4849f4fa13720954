using System.Numerics;

namespace Mooring.Gateway.Transport;

/// <summary>Timers of one loop's connections: one per client channel at most, linked through the channels themselves.</summary>
/// <remarks>
/// Two levels of 256 slots: ticks, and runs of 256 ticks. Arming and disarming are O(1) and allocate nothing; a far deadline is looked
/// at once for each level it sinks, and once per 65,280 ticks beyond. Pure but for the channels: the caller brings the time, in ticks of
/// <see cref="TickMilliseconds"/>, which wrap around after 497 days. Not thread-safe.
/// </remarks>
internal sealed unsafe class TimerWheel
{
    public const int TickMilliseconds = 10;

    private const int Slots = 256;
    private const int Horizon = Slots * (Slots - 1);

    private readonly ChannelTable _table;

    // First descriptor in each slot, or -1; the second level follows the first.
    private readonly int[] _heads = new int[2 * Slots];
    private readonly ulong[] _used = new ulong[2 * Slots / 64];
    private uint _now;
    private int _count;

    public TimerWheel(ChannelTable table, uint now)
    {
        _table = table;
        _now = now;
        Array.Fill(_heads, -1);
    }

    /// <summary>Timers armed.</summary>
    public int Count => _count;

    /// <summary>Ticks for a duration, rounded up, so that a timer never fires early; at least 1.</summary>
    public static uint Ticks(TimeSpan duration) =>
        (uint)Math.Clamp(Math.Ceiling(duration.TotalMilliseconds / TickMilliseconds), 1, int.MaxValue / 2);

    /// <summary>Arms the client's timer, or moves it where it was armed before.</summary>
    public void Arm(int descriptor, uint deadline)
    {
        var channel = _table[descriptor];
        if (channel->Has(ChannelFlags.TimerArmed))
        {
            Unlink(channel);
        }
        else
        {
            channel->Flags |= ChannelFlags.TimerArmed;
            _count++;
        }

        channel->TimerDeadline = deadline;
        Link(descriptor, channel, soonest: 1);
    }

    public void Disarm(int descriptor)
    {
        var channel = _table[descriptor];
        if (channel->Has(ChannelFlags.TimerArmed))
        {
            channel->Flags &= ~ChannelFlags.TimerArmed;
            _count--;
            Unlink(channel);
        }
    }

    /// <summary>Ticks until the wheel must be turned; -1: nothing is armed.</summary>
    public int TicksToNext()
    {
        if (_count == 0)
        {
            return -1;
        }

        // What the second level holds sinks when its run starts, which is at the end of the first level's turn.
        var toRun = Slots - (int)(_now & (Slots - 1));
        for (var ahead = 1; ahead < toRun; ahead++)
        {
            var slot = (int)((_now + (uint)ahead) & (Slots - 1));
            var rest = _used[slot >> 6] >> (slot & 63);
            if (rest == 0)
            {
                // Skips to the next word of the bitmap.
                ahead += 63 - (slot & 63);
                continue;
            }

            return Math.Min(ahead + BitOperations.TrailingZeroCount(rest), toRun);
        }

        return toRun;
    }

    /// <summary>Turns the wheel to <paramref name="now"/> and calls <paramref name="expired"/> for each timer due, disarmed before.</summary>
    public void Advance(uint now, Action<int> expired)
    {
        if (_count == 0)
        {
            _now = now;
            return;
        }

        while ((int)(now - _now) > 0)
        {
            _now++;
            if ((_now & (Slots - 1)) == 0)
            {
                Sink(Slots + (int)((_now >> 8) & (Slots - 1)));
            }

            Expire((int)(_now & (Slots - 1)), expired);
            if (_count == 0)
            {
                _now = now;
            }
        }
    }

    private void Expire(int slot, Action<int> expired)
    {
        // A callback may arm again, but never into this slot: deadlines are at least one tick ahead.
        while (_heads[slot] is >= 0 and var descriptor)
        {
            Disarm(descriptor);
            expired(descriptor);
        }
    }

    private void Sink(int slot)
    {
        var descriptor = _heads[slot];
        _heads[slot] = -1;
        _used[slot >> 6] &= ~(1ul << (slot & 63));
        while (descriptor >= 0)
        {
            var channel = _table[descriptor];
            var next = channel->TimerNext;
            Link(descriptor, channel, soonest: 0);
            descriptor = next;
        }
    }

    /// <param name="soonest">1, as the slot of the present tick is done; 0 while sinking, when it is still to come.</param>
    private void Link(int descriptor, Channel* channel, int soonest)
    {
        var ahead = Math.Clamp((int)(channel->TimerDeadline - _now), soonest, Horizon);
        var at = _now + (uint)ahead;
        var slot = ahead < Slots ? (int)(at & (Slots - 1)) : Slots + (int)((at >> 8) & (Slots - 1));
        var head = _heads[slot];
        channel->TimerNext = head;
        channel->TimerPrevious = ~slot;
        if (head >= 0)
        {
            _table[head]->TimerPrevious = descriptor;
        }

        _heads[slot] = descriptor;
        _used[slot >> 6] |= 1ul << (slot & 63);
    }

    private void Unlink(Channel* channel)
    {
        if (channel->TimerNext >= 0)
        {
            _table[channel->TimerNext]->TimerPrevious = channel->TimerPrevious;
        }

        if (channel->TimerPrevious >= 0)
        {
            _table[channel->TimerPrevious]->TimerNext = channel->TimerNext;
            return;
        }

        var slot = ~channel->TimerPrevious;
        _heads[slot] = channel->TimerNext;
        if (channel->TimerNext < 0)
        {
            _used[slot >> 6] &= ~(1ul << (slot & 63));
        }
    }
}
