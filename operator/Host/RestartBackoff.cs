namespace Mooring.Operator.Host;

/// <summary>How long a child that died waits before it is started again: 0.2 s, doubled each time, 10 s at most.</summary>
/// <remarks>Pure but for its count. A child that ran for 60 s is taken as stable, and starts over at 0.2 s.</remarks>
internal sealed class RestartBackoff
{
    public static readonly TimeSpan First = TimeSpan.FromSeconds(0.2);
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan Stable = TimeSpan.FromSeconds(60);
    private int _failures;

    /// <summary>The wait after a run of this length.</summary>
    public TimeSpan Next(TimeSpan ran)
    {
        _failures = ran >= Stable ? 0 : _failures;
        var wait = First * Math.Pow(2, Math.Min(_failures, 10));
        _failures++;
        return wait < Longest ? wait : Longest;
    }
}
