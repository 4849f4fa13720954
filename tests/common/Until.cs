using System.Diagnostics;

namespace Mooring.Testing;

/// <summary>Waits for a condition with a deadline, in place of a sleep.</summary>
public static class Until
{
    /// <summary>Asks every 20 ms until the answer is true. A throw counts as "not yet".</summary>
    /// <exception cref="TimeoutException">Not true within the limit; names what was waited for, and the last exception.</exception>
    public static async Task TrueAsync(Func<Task<bool>> condition, TimeSpan limit, string what)
    {
        var since = Stopwatch.GetTimestamp();
        Exception? last = null;
        while (true)
        {
            try
            {
                last = null;
                if (await condition())
                {
                    return;
                }
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                last = exception;
            }

            if (Stopwatch.GetElapsedTime(since) > limit)
            {
                throw new TimeoutException($"not within {limit.TotalSeconds:0.#} s: {what}", last);
            }

            await Task.Delay(20);
        }
    }

    /// <inheritdoc cref="TrueAsync(Func{Task{bool}}, TimeSpan, string)"/>
    public static Task TrueAsync(Func<bool> condition, TimeSpan limit, string what) =>
        TrueAsync(() => Task.FromResult(condition()), limit, what);
}
