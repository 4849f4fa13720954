using System.Security.Cryptography;
using System.Text.Json;
using Mooring.Kubernetes.Configuration;
using Mooring.Operator.Run;
using Mooring.Testing;

namespace Mooring.Operator.Tests.Run;

/// <summary>No answer of whatever kind ends what is to go on.</summary>
public sealed class PersistentlyTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(5);

    public static readonly TheoryData<Exception> Odd =
    [
        new JsonException("no JSON"),
        new InvalidDataException("too long"),
        new CryptographicException("no key"),
        new CredentialException("no token"),
        new IOException("somebody else's"),
        new TimeoutException("late"),
        new HttpRequestException("away"),
        new TaskCanceledException("a request gave up by itself"),
        new InvalidOperationException("a slip"),
    ];

    [Theory]
    [MemberData(nameof(Odd))]
    public async Task OddAnswer_IsToldAndTriedAgain(Exception odd)
    {
        var time = new ManualTime();
        var told = new List<Exception>();
        var calls = 0;
        var running = Persistently.RunAsync(
            _ => ++calls == 1 ? throw odd : Task.FromResult<TimeSpan?>(null),
            Retry,
            told.Add,
            time,
            CancellationToken.None
        );
        await Until.TrueAsync(() => time.SetTimers == 1, Deadline, "the pause after the failure");
        calls.ShouldBe(1);

        time.Advance(Retry);

        await running.WaitAsync(Deadline);
        calls.ShouldBe(2);
        told.ShouldHaveSingleItem().ShouldBeSameAs(odd);
    }

    [Fact]
    public async Task Work_ComesAgainAfterTheTimeItAskedFor_UntilStopped()
    {
        var time = new ManualTime();
        using var stop = new CancellationTokenSource();
        var calls = 0;
        var running = Persistently.RunAsync(
            _ => Task.FromResult<TimeSpan?>(TimeSpan.FromMinutes(++calls)),
            Retry,
            static error => throw error,
            time,
            stop.Token
        );
        for (var call = 1; call <= 3; call++)
        {
            await Until.TrueAsync(() => time.SetTimers == 1, Deadline, "the pause");
            calls.ShouldBe(call);
            time.Advance(TimeSpan.FromMinutes(call));
        }

        await stop.CancelAsync();
        await running.WaitAsync(Deadline);
    }

    [Fact]
    public async Task StoppedWithinTheWork_EndsWithoutAWord()
    {
        using var stop = new CancellationTokenSource();
        var running = Persistently.RunAsync(
            async cancellation =>
            {
                await stop.CancelAsync();
                cancellation.ThrowIfCancellationRequested();
                return null;
            },
            Retry,
            static error => throw error,
            TimeProvider.System,
            stop.Token
        );
        await running.WaitAsync(Deadline);
    }
}
