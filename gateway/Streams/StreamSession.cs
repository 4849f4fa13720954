using System.Net.WebSockets;
using System.Text.Json;
using Mooring.Contracts;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Streams;

/// <summary>One connection to the operator, from hello to its end.</summary>
internal sealed class StreamSession(Dialled stream, IStreamTarget target, GatewayLog log, TimeProvider time) : IDisposable
{
    private const int MaxAckErrors = 64;
    private static readonly TimeSpan SendTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan GlanceInterval = TimeSpan.FromMilliseconds(200);

    /// <summary>Where nothing has changed between two reports.</summary>
    private static readonly TimeSpan IdleGlanceInterval = TimeSpan.FromSeconds(1);

    // Big changes come in crowds while a fleet fills or drains: not more than one report a second for counts alone.
    private static readonly TimeSpan CountReportInterval = TimeSpan.FromSeconds(1);

    private readonly WebSocket _socket = stream.Socket;
    private readonly SemaphoreSlim _sending = new(1);
    private readonly long _began = time.GetTimestamp();
    private long _spokenTo = -1;

    /// <summary>Messages received, of kinds known or not.</summary>
    public long Received { get; private set; }

    /// <summary>Runs until the operator ends the stream; throws when the connection fails or <paramref name="cancellation"/> is set.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await SendAsync(target.Hello(), end.Token);
        var reporting = ReportAsync(end.Token);
        var receiving = ReceiveAsync(end.Token);
        var first = await Task.WhenAny(reporting, receiving);
        await end.CancelAsync();
        try
        {
            await Task.WhenAll(reporting, receiving);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // The other one, which was told to stop.
        }

        await first;
    }

    public void Dispose()
    {
        _socket.Dispose();
        _sending.Dispose();
    }

    private async Task ReceiveAsync(CancellationToken cancellation)
    {
        var reader = new StreamMessageReader(_socket);
        while (true)
        {
            var (message, unread) = await reader.ReadAsync(cancellation);
            if (message is null && unread is null)
            {
                await CloseAsync();
                return;
            }

            Received++;
            Volatile.Write(ref _spokenTo, time.GetTimestamp());
            await HandleAsync(message, unread, cancellation);
        }
    }

    private async Task HandleAsync(OperatorMessage? message, UnreadMessage? unread, CancellationToken cancellation)
    {
        switch (message)
        {
            case ConfigMessage config:
                var errors = config.Hash == target.ConfigHash ? [] : await target.ApplyConfigAsync(config);
                await AckAsync(config.Hash, errors, cancellation);
                break;
            case EndpointsMessage endpoints:
                await target.ApplyEndpointsAsync(endpoints);
                break;
            case DirectiveMessage directive:
                target.ApplyDirective(directive);
                break;
            case QuestionMessage question:
                await SendAsync(await target.AnswerAsync(question), cancellation);
                break;
            default:
                log.Event("stream_message_unread", ("kind", unread!.Type), ("error", unread.Error ?? "unknown kind"));
                if (unread is { Type: "config", Hash: { } hash })
                {
                    await AckAsync(hash, [unread.Error!], cancellation);
                }

                break;
        }
    }

    private Task AckAsync(string hash, IReadOnlyList<string> errors, CancellationToken cancellation) =>
        SendAsync(
            new AckMessage
            {
                Hash = hash,
                Accepted = errors.Count == 0,
                Errors = [.. errors.Take(MaxAckErrors)],
            },
            cancellation
        );

    private async Task ReportAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(GlanceInterval, time);
        var pace = new ReportPace(stream.QuietInterval);
        var reported = default(LoadGlance?);
        var at = 0L;
        do
        {
            var glance = target.Glance();
            var due =
                reported is not { } last
                || time.GetElapsedTime(at) >= StreamLimits.ReportInterval
                || (
                    glance.DiffersMuchFrom(last)
                    && (glance with { Connections = 0 } != last with { Connections = 0 } || time.GetElapsedTime(at) >= CountReportInterval)
                );
            if (due)
            {
                var report = target.Report();
                if (Volatile.Read(ref _spokenTo) is >= 0 and var spokenTo)
                {
                    pace.SpokenTo(time.GetElapsedTime(_began, spokenTo));
                }

                if (pace.Take(report, time.GetElapsedTime(_began)))
                {
                    await SendAsync(report, cancellation);
                }

                timer.Period = glance == reported ? IdleGlanceInterval : GlanceInterval;
                reported = glance;
                at = time.GetTimestamp();
            }
        } while (await timer.WaitForNextTickAsync(cancellation));
    }

    private async Task SendAsync(GatewayMessage message, CancellationToken cancellation)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(message, ContractsJson.Default.GatewayMessage);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(SendTimeout);
        await _sending.WaitAsync(limit.Token);
        try
        {
            await _socket.SendAsync(json, WebSocketMessageType.Text, true, limit.Token);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new TimeoutException("the operator takes nothing", e);
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task CloseAsync()
    {
        if (_socket.State == WebSocketState.CloseReceived)
        {
            using var limit = new CancellationTokenSource(SendTimeout);
            await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, limit.Token);
        }
    }
}
