using System.Numerics;

namespace Mooring.Gateway.Limits;

/// <summary>One side of a connection that waits for bandwidth: a link of <see cref="PauseWheel"/>.</summary>
internal struct PauseNode
{
    /// <summary>Index of the next and the previous in the slot; -1: none, the first one's previous is its slot's complement.</summary>
    public int Next;
    public int Previous;
    public bool IsWaiting;
}

/// <summary>Pauses of reading: short, many, and with nothing to remember beyond which.</summary>
/// <remarks>
/// One turn of 256 ticks; a longer pause ends after a turn, and whoever resumes finds that it has to wait on. Linked through the nodes of
/// the caller, so nothing is allocated. Not thread-safe.
/// </remarks>
/// <param name="node">The node of an index.</param>
internal sealed unsafe class PauseWheel(PauseWheel.Nodes node)
{
    public const int MaxTicks = Slots - 1;
    private const int Slots = 256;

    private readonly int[] _heads = Create();
    private readonly ulong[] _used = new ulong[Slots / 64];
    private uint _now;

    public delegate PauseNode* Nodes(int index);

    /// <summary>Nodes that wait.</summary>
    public int Count { get; private set; }

    /// <param name="index">One that does not wait.</param>
    /// <param name="now">The present tick.</param>
    /// <param name="ticks">1 to <see cref="MaxTicks"/>.</param>
    public void Add(int index, uint now, int ticks)
    {
        if (Count++ == 0)
        {
            _now = now;
        }

        var slot = (int)((now + (uint)Math.Clamp(ticks, 1, MaxTicks)) % Slots);
        var at = node(index);
        at->IsWaiting = true;
        at->Next = _heads[slot];
        at->Previous = ~slot;
        if (at->Next >= 0)
        {
            node(at->Next)->Previous = index;
        }

        _heads[slot] = index;
        _used[slot / 64] |= 1ul << (slot % 64);
    }

    public void Remove(int index)
    {
        var at = node(index);
        if (!at->IsWaiting)
        {
            return;
        }

        at->IsWaiting = false;
        Count--;
        if (at->Next >= 0)
        {
            node(at->Next)->Previous = at->Previous;
        }

        if (at->Previous >= 0)
        {
            node(at->Previous)->Next = at->Next;
            return;
        }

        var slot = ~at->Previous;
        _heads[slot] = at->Next;
        if (at->Next < 0)
        {
            _used[slot / 64] &= ~(1ul << (slot % 64));
        }
    }

    /// <summary>Ticks until the first is due, from <paramref name="now"/>; -1: none waits.</summary>
    public int TicksToNext(uint now)
    {
        if (Count == 0)
        {
            return -1;
        }

        for (var ahead = 1; ahead < Slots; ahead++)
        {
            var slot = (int)((_now + (uint)ahead) % Slots);
            var rest = _used[slot / 64] >> (slot % 64);
            if (rest == 0)
            {
                ahead += 63 - (slot % 64);
                continue;
            }

            var due = _now + (uint)(ahead + BitOperations.TrailingZeroCount(rest));
            return Math.Max(0, (int)(due - now));
        }

        return 1;
    }

    /// <summary>Turns the wheel to <paramref name="now"/>: each node that is due waits no more and is given to <paramref name="due"/>.</summary>
    public void Advance(uint now, Action<int> due)
    {
        // More than a turn behind is the same as a whole turn.
        for (var turns = 0; Count > 0 && _now != now && turns <= Slots; turns++)
        {
            _now = turns == Slots ? now : _now + 1;
            var slot = (int)(_now % Slots);
            while (_heads[slot] is >= 0 and var index)
            {
                Remove(index);
                due(index);
            }
        }
    }

    private static int[] Create()
    {
        var heads = new int[Slots];
        Array.Fill(heads, -1);
        return heads;
    }
}
