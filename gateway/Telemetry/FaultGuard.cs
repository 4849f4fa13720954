namespace Mooring.Gateway.Telemetry;

/// <summary>Keeps a duty of the process going: a step that throws what nobody foresaw ends that step alone, and is said. Thread-safe.</summary>
/// <param name="duty">What is done, for whoever reads the log.</param>
/// <param name="time">What is said again, and how often, goes by it.</param>
internal sealed class FaultGuard(string duty, TimeProvider time)
{
    /// <summary>A step that fails ten times a second says so once in that time.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(1);

    private static long _total;
    private readonly Lock _gate = new();
    private long _saidAt;
    private long _unsaid;

    /// <summary>Faults of this process since it started, of all duties and loops.</summary>
    public static long Total => Volatile.Read(ref _total);

    /// <summary>Counts a fault that somebody else has said.</summary>
    public static void Count() => Interlocked.Increment(ref _total);

    /// <summary>Runs one step. Cancellation is passed on; nothing else is.</summary>
    public async Task RunAsync(Func<Task> step)
    {
        try
        {
            await step();
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            Say(error);
        }
    }

    private void Say(Exception error)
    {
        Count();
        long unsaid;
        lock (_gate)
        {
            if (_saidAt != 0 && time.GetElapsedTime(_saidAt) < Quiet)
            {
                _unsaid++;
                return;
            }

            _saidAt = time.GetTimestamp();
            (unsaid, _unsaid) = (_unsaid, 0);
        }

        var more = unsaid == 0 ? "" : $" ({unsaid} more since the last time)";
        Console.Error.WriteLine($"{duty}: a fault of the gateway, tried again{more}: {error}");
    }
}
