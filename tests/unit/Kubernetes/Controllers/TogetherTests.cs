using Mooring.Kubernetes.Controllers;
using static Mooring.Kubernetes.Tests.Widgets;

namespace Mooring.Kubernetes.Tests.Controllers;

public sealed class TogetherTests
{
    [Fact]
    public async Task OneFails_TheOthersAreEnded_AndItIsThrown()
    {
        var ended = false;
        var running = Together.RunAsync(
            [
                async token =>
                {
                    await Task.Delay(Timeout.Infinite, token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    ended = true;
                },
                static token => Task.Delay(Timeout.Infinite, token),
                static _ => throw new InvalidOperationException("a slip"),
            ],
            CancellationToken.None
        );
        (await Should.ThrowAsync<InvalidOperationException>(running.WaitAsync(Deadline))).Message.ShouldBe("a slip");
        ended.ShouldBeTrue();
    }

    [Fact]
    public async Task Stopped_EndsInOrder()
    {
        using var stop = new CancellationTokenSource();
        var running = Together.RunAsync([static token => Task.Delay(Timeout.Infinite, token), static _ => Task.CompletedTask], stop.Token);
        running.IsCompleted.ShouldBeFalse("one has ended, and one has not");
        await stop.CancelAsync();
        await running.WaitAsync(Deadline);
    }
}
