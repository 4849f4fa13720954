namespace Mooring.Operator.Run;

/// <summary>Work that is worth nothing without something else that goes on beside it.</summary>
internal static class Beside
{
    /// <summary>Runs the work to its end, and ends the companion then. Where the companion fails, the work is cancelled and waited for, and the failure is thrown.</summary>
    public static async Task<T> RunAsync<T>(
        Func<CancellationToken, Task<T>> work,
        Func<CancellationToken, Task> companion,
        CancellationToken stopping
    )
    {
        using var done = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var following = FollowAsync();
        try
        {
            var result = await work(ending.Token);
            // Not whether it has failed: work that ends right within the cancellation is here before that task is done.
            if (ending.IsCancellationRequested && !stopping.IsCancellationRequested)
            {
                await following;
            }

            return result;
        }
        finally
        {
            await done.CancelAsync();
            await following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        async Task FollowAsync()
        {
            try
            {
                await companion(done.Token);
            }
            catch
            {
                await ending.CancelAsync();
                throw;
            }
        }
    }
}
