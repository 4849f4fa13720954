namespace Mooring.Operator.Run;

/// <summary>Work that is done again and again for as long as the process lives or leads, whatever becomes of a single time.</summary>
internal static class Persistently
{
    /// <summary>Does the work until it says that it is done, or <paramref name="stopping"/>; never throws but for memory that is short.</summary>
    /// <remarks>
    /// Everything that fails is tried again: of an answer that cannot be read, a key that fits no certificate or a credential that is not there for a
    /// moment, nobody can say beforehand which it will be, and a loop that has ended says nothing any more.
    /// </remarks>
    /// <param name="work">Returns after which time it is to be done again; null: never.</param>
    /// <param name="retry">The time after one that failed.</param>
    /// <param name="failed">Told of each failure.</param>
    /// <param name="time">The clock.</param>
    /// <param name="stopping">Ends it, also within the work.</param>
    public static async Task RunAsync(
        Func<CancellationToken, Task<TimeSpan?>> work,
        TimeSpan retry,
        Action<Exception> failed,
        TimeProvider time,
        CancellationToken stopping
    )
    {
        TimeSpan? next = TimeSpan.Zero;
        while (next is { } delay && !stopping.IsCancellationRequested)
        {
            await Task.Delay(delay, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (stopping.IsCancellationRequested)
            {
                return;
            }

            try
            {
                next = await work(stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                failed(error);
                next = retry;
            }
        }
    }
}
