namespace Mooring.Gateway.Hub.Sessions;

/// <summary>Gives each connect its turn, so many a second. Thread-safe; the caller brings the time.</summary>
/// <remarks>In no second are there more: what may come at once, and how late timers may be, are taken off the rate.</remarks>
internal sealed class ConnectPacer
{
    /// <summary>Longest wait, in milliseconds: clients give up after 5 s.</summary>
    public const long MaxWait = 4000;

    /// <summary>What may come at once after a quiet time, in milliseconds of the rate.</summary>
    private const double Burst = 100;

    /// <summary>How late a turn may be taken, in milliseconds: a step of the timers, and one of the clock.</summary>
    private const double Late = Transport.TimerWheel.TickMilliseconds + 10;

    private readonly Lock _gate = new();
    private double _next = double.MinValue;

    /// <summary>Takes the next turn: milliseconds until it, 0 for now, or -1 when it would be too late, and none is taken.</summary>
    /// <param name="now">Milliseconds of a steady clock.</param>
    /// <param name="perSecond">Turns a second; 0: there is no limit.</param>
    public long Reserve(long now, int perSecond)
    {
        if (perSecond == 0)
        {
            return 0;
        }

        lock (_gate)
        {
            var turn = Math.Max(_next, now - Burst);
            if (turn - now > MaxWait)
            {
                return -1;
            }

            _next = turn + ((1000 + Burst + Late) / perSecond);
            return Math.Max(0, (long)Math.Ceiling(turn - now));
        }
    }

    /// <summary>Whether one who asked now would get no turn. Takes none.</summary>
    public bool IsFull(long now, int perSecond)
    {
        lock (_gate)
        {
            return perSecond > 0 && _next - now > MaxWait;
        }
    }
}
