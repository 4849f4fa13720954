namespace Mooring.Gateway.Backends;

/// <summary>nginx's <c>max_fails</c> and <c>fail_timeout</c> for one endpoint. A pure state machine: time is an argument, in microseconds.</summary>
/// <remarks>
/// Failures within the window put the endpoint out for as long as the window. After that one more failure puts it out again at once, for
/// only a success clears the count. Not thread-safe.
/// </remarks>
internal struct PassiveHealth
{
    private int _fails;
    private long _lastFail;
    private long _outUntil;

    public readonly bool IsOut(long now) => now < _outUntil;

    /// <summary>Nothing to clear: lets the owner skip the lock.</summary>
    public readonly bool IsClean => _fails == 0;

    /// <summary>It has been out since its last success.</summary>
    public readonly bool WasOut => _outUntil != 0;

    /// <summary>Counts a failed connect; true when it puts the endpoint out.</summary>
    public bool Fail(long now, int maxFails, long failTimeout)
    {
        if (maxFails == 0)
        {
            return false;
        }

        var wasOut = _fails >= maxFails;
        if (!wasOut && now - _lastFail > failTimeout)
        {
            _fails = 0;
        }

        _lastFail = now;
        if (_fails < maxFails)
        {
            _fails++;
        }

        if (_fails < maxFails)
        {
            return false;
        }

        _outUntil = now + failTimeout;
        return true;
    }

    public void Succeed() => this = default;
}
