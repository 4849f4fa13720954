// Hot path: per turn and per batch of accepts. See tests/benchmarks.
using Mooring.Contracts.Handover;

namespace Mooring.Gateway.Listeners;

/// <summary>Keeps the gateways of a host that accept from the same sockets at about as many connections each. One for a loop, and its thread's.</summary>
/// <remarks>
/// The kernel wakes whoever sleeps, and who is awake takes what has come meanwhile: of a burst of 50, one of two gateways was seen to get 49, for as long as they live. So a loop of a
/// gateway with clearly more than another leaves what waits to the others for a moment. Nobody who does not come keeps connections waiting: the more often one has not,
/// the more are taken, and after the eighth time, some ten milliseconds in all, nothing is left to it any more until it has accepted something. Only one that is new is given longer, since its first connections
/// take it tens of milliseconds of compiling.
/// </remarks>
internal sealed class HostBalance(RelayLoop loop)
{
    /// <summary>How long what waits is left to the others. The loop's clock for waiting is in milliseconds.</summary>
    private const long AwayMicroseconds = 900;
    private const long AwayForNewMicroseconds = 2900;

    /// <summary>Gateways that share by count. More of them are even by their numbers, and each would read what all the others say at every accept.</summary>
    private const int MaxGateways = 16;

    /// <summary>Connections more than another gateway's that are no reason to leave any.</summary>
    private const int Slack = 8;

    /// <summary>Times that a gateway may let what is left to it wait.</summary>
    private const int MaxMissed = 8;

    /// <summary>The same of one that has accepted fewer than <see cref="New"/>, for which each time is longer; one connection is taken after it.</summary>
    private const int MaxMissedByNew = 12;
    private const int New = 32;

    private readonly HostBoard? _board = loop.Engine.Board;

    // By slot: what it had accepted when something was left to it last, and how often in a row it did not come.
    private readonly int[] _accepted = loop.Engine.Board is null ? [] : new int[HandoverBoard.Slots];
    private readonly byte[] _missed = loop.Engine.Board is null ? [] : new byte[HandoverBoard.Slots];
    private int _published;
    private bool _accepting;
    private bool _isBack;
    private bool _forNew;
    private int _fewest;
    private bool _listens;

    /// <summary>Every other gateway has more: this one is to be woken first.</summary>
    public bool IsLeast { get; private set; }

    /// <summary>For how long what waits is to be left to the others, where there is no room.</summary>
    public long Away => _forNew ? AwayForNewMicroseconds : AwayMicroseconds;

    /// <summary>How many connections may be accepted now; 0: what waits is to be left to the others.</summary>
    public int Room()
    {
        if (_board is not { Used: <= MaxGateways } board)
        {
            IsLeast = false;
            return int.MaxValue;
        }

        var own = Volatile.Read(ref board[board.Own].Open) + loop.Balance.Open - _published;
        // A 32nd, as counts of thousands need not be equal to the last one.
        var much = own - Slack - (own >> 5);
        var least = int.MaxValue;
        var taken = int.MaxValue;
        _forNew = false;
        var used = board.Used;
        for (var i = 0; i < used; i++)
        {
            ref var slot = ref board[i];
            if (i == board.Own || Volatile.Read(ref slot.Accepting) <= 0)
            {
                continue;
            }

            var open = Volatile.Read(ref slot.Open);
            if (open <= much)
            {
                var some = Await(i, Volatile.Read(ref slot.Accepted));
                if (some == 0)
                {
                    continue;
                }

                taken = Math.Min(taken, some);
            }

            if (open < least)
            {
                (least, _fewest) = (open, i);
            }
        }

        IsLeast = own < least;
        var back = _isBack;
        _isBack = false;
        return least == int.MaxValue ? int.MaxValue
            : least > much ? Math.Max(1, least - much)
            : back ? taken
            : 0;
    }

    /// <summary>How many to take before something is left to a gateway with clearly fewer once more; 0: it does not come, and nothing is left to it.</summary>
    private int Await(int slot, int accepted)
    {
        var isNew = accepted is >= 0 and < New;
        var most = isNew ? MaxMissedByNew : MaxMissed;
        var came = accepted - _accepted[slot];
        if (came >= (isNew ? 1 : 1 << (Math.Min((int)_missed[slot], MaxMissed) / 2)) || (came != 0 && _missed[slot] >= most))
        {
            _missed[slot] = 0;
        }
        else if (_isBack && _missed[slot] < most)
        {
            _missed[slot]++;
        }

        if (_missed[slot] >= most)
        {
            return 0;
        }

        _accepted[slot] = accepted;
        _forNew |= isNew;
        return isNew ? 1 : 1 << (_missed[slot] / 2);
    }

    /// <summary>What was left to the others is looked at again.</summary>
    public void Back() => _isBack = true;

    /// <summary>Wakes the gateway with the fewest: the kernel wakes one sleeper for a connection, and that was this one.</summary>
    public void Call() => _board!.Call(_fewest);

    /// <summary>Whether another gateway has called this one since it was asked last.</summary>
    public bool IsCalled() => _listens && _board!.IsCalled();

    /// <summary>Calls are heard by one loop of the gateway.</summary>
    public void Listen()
    {
        if (!_listens && _board is { Bell: >= 0 } board && loop.Owner == 1)
        {
            _listens = loop.RegisterBell(board.Bell);
        }
    }

    /// <summary>So many were accepted.</summary>
    public void Accepted(int count)
    {
        if (_board is { } board && count > 0)
        {
            Interlocked.Add(ref board[board.Own].Accepted, count);
        }
    }

    /// <summary>Tells the others, where something has changed since the last turn.</summary>
    /// <param name="accepting">The loop accepts.</param>
    public void Publish(bool accepting)
    {
        if (_board is not { } board)
        {
            return;
        }

        var open = loop.Balance.Open;
        if (open != _published)
        {
            Interlocked.Add(ref board[board.Own].Open, open - _published);
            _published = open;
        }

        if (accepting != _accepting)
        {
            Interlocked.Add(ref board[board.Own].Accepting, accepting ? 1 : -1);
            _accepting = accepting;
        }
    }
}
