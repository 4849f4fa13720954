using System.Runtime.ExceptionServices;

namespace Mooring.Kubernetes.Controllers;

/// <summary>Loops of which none may end while the others go on.</summary>
public static class Together
{
    /// <summary>Runs them to their ends. Where one fails, the others are cancelled and waited for, and its exception is thrown.</summary>
    /// <remarks>To wait for all of them alone would say nothing of one that has failed until the last has ended, which is when the process does.</remarks>
    /// <param name="loops">Each gets a token that is cancelled by <paramref name="stopping"/> and by a failure.</param>
    /// <param name="stopping">Ends them.</param>
    public static async Task RunAsync(IEnumerable<Func<CancellationToken, Task>> loops, CancellationToken stopping)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        ExceptionDispatchInfo? failure = null;
        await Task.WhenAll(loops.Select(GuardAsync));
        failure?.Throw();

        async Task GuardAsync(Func<CancellationToken, Task> loop)
        {
            try
            {
                await loop(ending.Token);
            }
            catch (OperationCanceledException) when (ending.IsCancellationRequested) { }
            catch (Exception error)
            {
                Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(error), null);
                await ending.CancelAsync();
            }
        }
    }
}
