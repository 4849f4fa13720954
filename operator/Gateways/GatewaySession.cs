using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Client;
using Mooring.Operator.Metrics;

namespace Mooring.Operator.Gateways;

/// <summary>One gateway's stream after its hello: reads reports and acks, sends what the outbox holds.</summary>
/// <remarks><see cref="RunAsync"/> is called once; <see cref="End"/> and <see cref="Outbox"/> are for any thread.</remarks>
internal sealed class GatewaySession(
    WebSocket socket,
    HelloMessage hello,
    GatewayHub hub,
    StreamOptions options,
    TimeProvider time,
    ILogger logger
)
{
    // RFC 6455 §5.5: a control frame's payload is at most 125 bytes, two of which are the code.
    private const int MaxCloseReason = 123;
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(2);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _endReason;

    public HelloMessage Hello { get; } = hello;

    public Outbox Outbox { get; } = new();

    private readonly PendingQuestions _questions = new();

    /// <summary>Messages of kinds that this version does not know.</summary>
    public long SkippedTotal { get; private set; }

    /// <summary>Asks the gateway; null: it did not answer in time.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task<AnswerMessage?> AskAsync(QuestionKind about, TimeSpan limit, CancellationToken cancellation)
    {
        if (_questions.Add() is not var (id, answer))
        {
            return null;
        }

        Outbox.PutQuestion(StreamCodec.Encode(new QuestionMessage { Id = id, About = about }));
        try
        {
            return await answer.WaitAsync(limit, time, cancellation);
        }
        catch (TimeoutException)
        {
            return null;
        }
        finally
        {
            _questions.Drop(id);
        }
    }

    /// <summary>Asks the stream to end. Does nothing when it has.</summary>
    public void End(string reason)
    {
        Interlocked.CompareExchange(ref _endReason, reason, null);
        _ended.TrySetResult();
    }

    /// <summary>Serves the stream until the gateway closes it, breaks the protocol, goes silent or slow, or the token ends it.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        using var onStopping = stopping.Register(() => End("the operator is stopping"));
        using var stopSending = new CancellationTokenSource();
        hub.Join(this);
        StreamMetrics.StreamOpened(Hello.Role);
        Log.GatewayConnected(logger, Hello.Fleet, Hello.Gateway, Hello.Version, Hello.ProcessId);
        var receiving = GuardAsync(ReceiveAllAsync());
        var sending = GuardAsync(SendAllAsync(stopSending.Token));
        await Task.WhenAny(receiving, sending, _ended.Task);
        hub.Leave(this);
        _questions.End();
        Log.GatewayDisconnected(logger, Hello.Fleet, Hello.Gateway, _endReason ?? "closed by the gateway");

        // A cancelled receive aborts the WebSocket, so the receive stays pending until the peer has answered the close frame.
        await stopSending.CancelAsync();
        if (await FinishesAsync(sending))
        {
            await CloseAsync(socket, _endReason, CloseTimeout, time);
            if (await FinishesAsync(receiving))
            {
                await FinishesAsync(GuardAsync(DiscardAsync()));
            }
        }

        socket.Abort();
        await Task.WhenAll(receiving, sending);
    }

    /// <summary>Closes the WebSocket as far as its state allows, never throwing, within the timeout.</summary>
    public static async Task CloseAsync(WebSocket socket, string? reason, TimeSpan timeout, TimeProvider time)
    {
        using var limit = new CancellationTokenSource(timeout, time);
        try
        {
            if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            {
                await socket.CloseOutputAsync(
                    reason is null ? WebSocketCloseStatus.NormalClosure : WebSocketCloseStatus.PolicyViolation,
                    Shorten(reason),
                    limit.Token
                );
            }
        }
        catch (Exception exception)
            when (exception is WebSocketException or OperationCanceledException or IOException or ObjectDisposedException)
        {
            socket.Abort();
        }
    }

    private static string? Shorten(string? reason)
    {
        while (reason is not null && Encoding.UTF8.GetByteCount(reason) > MaxCloseReason)
        {
            reason = reason[..^1];
        }

        return reason;
    }

    private async Task ReceiveAllAsync()
    {
        var reader = new MessageReader(socket, StreamLimits.MaxMessageBytes);
        var pace = new TokenBucket(options.MessagesPerSecond, options.MessageBurst, time);
        await using var silence = time.CreateTimer(
            _ => End($"silent for {options.SilenceTimeout.TotalSeconds:0.#} s"),
            null,
            options.SilenceTimeout,
            Timeout.InfiniteTimeSpan
        );
        while (await reader.ReadAsync(CancellationToken.None) is { } json)
        {
            silence.Change(options.SilenceTimeout, Timeout.InfiniteTimeSpan);
            if (pace.Reserve() is { Ticks: > 0 } early)
            {
                // Each message may bring a reconcile about: a gateway that floods waits, and TCP makes it wait.
                await Task.WhenAny(_ended.Task, Task.Delay(early, time));
            }

            switch (StreamCodec.Decode(json.Span))
            {
                case null:
                    SkippedTotal++;
                    break;
                case AnswerMessage answer:
                    StreamMetrics.Received();
                    _questions.Take(answer);
                    break;
                case HelloMessage:
                    throw new InvalidDataException("a second hello");
                case var message:
                    StreamMetrics.Received();
                    hub.Note(this, message);
                    break;
            }
        }
    }

    private async Task SendAllAsync(CancellationToken stop)
    {
        while (true)
        {
            var message = await Outbox.TakeAsync(stop);
            using var slow = new CancellationTokenSource(options.SendTimeout, time);
            try
            {
                await socket.SendAsync(message, WebSocketMessageType.Text, endOfMessage: true, slow.Token);
                StreamMetrics.Sent();
            }
            catch (OperationCanceledException) when (slow.IsCancellationRequested)
            {
                End($"took no message for {options.SendTimeout.TotalSeconds:0.#} s");
                return;
            }
        }
    }

    /// <summary>Reads on after a message that broke the protocol: closing with unread bytes would reset the close frame away.</summary>
    private async Task DiscardAsync()
    {
        var buffer = new byte[4096];
        while (socket.State is WebSocketState.Open or WebSocketState.CloseSent)
        {
            await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
        }
    }

    /// <summary>Turns what a peer or a network can do into the stream's end.</summary>
    private async Task GuardAsync(Task task)
    {
        try
        {
            await task;
        }
        catch (OperationCanceledException) { }
        catch (Exception exception) when (exception is WebSocketException or JsonException or InvalidDataException or IOException)
        {
            End(exception.Message);
        }
    }

    private async Task<bool> FinishesAsync(Task task) => await Task.WhenAny(task, Task.Delay(CloseTimeout, time)) == task;
}
