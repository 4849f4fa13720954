using Mooring.Operator.Run;

namespace Mooring.Operator.Tests.Run;

public sealed class BesideTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>As a standby's wait for the Lease does, the work ends right within the cancellation, before the companion's task is done.</summary>
    [Fact]
    public async Task CompanionFails_WorkEndsInOrder_TheFailureIsThrown()
    {
        var fail = new TaskCompletionSource();
        // On the pool, as it is in the program: a test's context would put the continuations off.
        var running = Task.Run(() => Beside.RunAsync(WaitAsync, _ => fail.Task, CancellationToken.None));
        await _started.Task.WaitAsync(Deadline);
        fail.SetException(new InvalidDataException("the caches"));
        (await Should.ThrowAsync<InvalidDataException>(running.WaitAsync(Deadline))).Message.ShouldBe("the caches");
    }

    [Fact]
    public async Task Stopped_BothEnd_AndTheResultIsTheWorks()
    {
        using var stop = new CancellationTokenSource();
        var running = Beside.RunAsync(WaitAsync, static token => Task.Delay(Timeout.Infinite, token), stop.Token);
        await stop.CancelAsync();
        (await running.WaitAsync(Deadline)).ShouldBe(7);
    }

    [Fact]
    public async Task WorkEnds_TheCompanionIsEnded()
    {
        var ended = false;
        var result = await Beside
            .RunAsync(
                static _ => Task.FromResult(7),
                async token =>
                {
                    await Task.Delay(Timeout.Infinite, token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    ended = true;
                },
                CancellationToken.None
            )
            .WaitAsync(Deadline);
        (result, ended).ShouldBe((7, true));
    }

    private async Task<int> WaitAsync(CancellationToken stopping)
    {
        var stopped = new TaskCompletionSource();
        await using var registration = stopping.Register(stopped.SetResult);
        _started.SetResult();
        await stopped.Task;
        return 7;
    }
}
