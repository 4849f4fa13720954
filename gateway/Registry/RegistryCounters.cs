namespace Mooring.Gateway.Registry;

/// <summary>What the registry counts, from the process's start. Thread-safe.</summary>
internal sealed class RegistryCounters
{
    private long _answered;
    private long _failed;
    private long _refused;
    private long _microseconds;
    private long _slowest;
    private long _connects;
    private long _registrations;

    /// <summary>Calls that were answered.</summary>
    public long Answered => Interlocked.Read(ref _answered);

    /// <summary>Calls without an answer in time, or with an error.</summary>
    public long Failed => Interlocked.Read(ref _failed);

    /// <summary>Calls that were not made, because the breaker is open or too many wait.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Time of the answered calls together, seconds.</summary>
    public double AnsweredSeconds => Interlocked.Read(ref _microseconds) / 1e6;

    /// <summary>The slowest answered call since it was last asked for, seconds.</summary>
    public double TakeSlowest() => Interlocked.Exchange(ref _slowest, 0) / 1e6;

    /// <summary>Connections made.</summary>
    public long Connects => Interlocked.Read(ref _connects);

    /// <summary>Times this gateway was registered anew, the first one too.</summary>
    public long Registrations => Interlocked.Read(ref _registrations);

    public void CountAnswer(TimeSpan took)
    {
        var microseconds = (long)took.TotalMicroseconds;
        Interlocked.Increment(ref _answered);
        Interlocked.Add(ref _microseconds, microseconds);
        var slowest = Interlocked.Read(ref _slowest);
        while (microseconds > slowest)
        {
            slowest = Interlocked.CompareExchange(ref _slowest, microseconds, slowest) is var seen && seen == slowest ? microseconds : seen;
        }
    }

    public void CountFailure() => Interlocked.Increment(ref _failed);

    public void CountRefusal() => Interlocked.Increment(ref _refused);

    public void CountConnect() => Interlocked.Increment(ref _connects);

    public void CountRegistration() => Interlocked.Increment(ref _registrations);
}
