using System.Diagnostics;

namespace Mooring.Benchmarks.Load;

/// <summary>Ends a load whose server has stopped carrying anything.</summary>
internal sealed class Watchdog
{
    private const double PatienceSeconds = 15;

    private long _progress = Stopwatch.GetTimestamp();

    public void Progress(long now) => _progress = now;

    /// <summary>Looks whether the load still moves.</summary>
    /// <exception cref="LoadFailedException">Nothing has moved for 15 s.</exception>
    public void Check(string waitingFor)
    {
        if (Stopwatch.GetElapsedTime(_progress).TotalSeconds > PatienceSeconds)
        {
            throw new LoadFailedException($"nothing moved for {PatienceSeconds} s while waiting for {waitingFor}");
        }
    }
}
