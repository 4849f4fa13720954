using System.Diagnostics;

namespace Mooring.Api.Tests.Cluster;

/// <summary>Waiting on would be in vain: what is waited for has failed for good.</summary>
internal sealed class HopelessException(string message) : Exception(message);

/// <summary>A condition did not hold by its deadline.</summary>
internal sealed class NotInTimeException(string message) : Exception(message);

/// <summary>Waits for a condition, with a deadline.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Returns how long it took until <paramref name="condition"/> held; fails with what it last said after the deadline.</summary>
    /// <param name="condition">Null when it holds, else what is still wrong. An exception other than <see cref="HopelessException"/> counts as wrong.</param>
    public static async Task<TimeSpan> HoldsAsync(Func<Task<string?>> condition, TimeSpan deadline)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            string? wrong;
            try
            {
                wrong = await condition();
            }
            catch (Exception error) when (clock.Elapsed < deadline && error is not HopelessException)
            {
                wrong = error.Message;
            }

            if (wrong is null)
            {
                return clock.Elapsed;
            }

            if (clock.Elapsed > deadline)
            {
                throw new NotInTimeException($"after {deadline.TotalSeconds:0} s: {wrong}");
            }

            await Task.Delay(Pause);
        }
    }

    public static Task<TimeSpan> HoldsAsync(Func<Task<bool>> condition, TimeSpan deadline, string wrong) =>
        HoldsAsync(async () => await condition() ? null : wrong, deadline);
}
