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

    // What stood against it may be of the moment: a key that kubelet brings to the pod within a minute, a port that another process still has.
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(60);

    private readonly WebSocket _socket = stream.Socket;
    private readonly SemaphoreSlim _sending = new(1);
    private readonly SemaphoreSlim _applying = new(1);
    private ConfigMessage? _refused;
    private IReadOnlyList<string> _errors = [];
    private Task _retrying = Task.CompletedTask;
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
        finally
        {
            await _retrying.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await first;
    }

    public void Dispose()
    {
        _socket.Dispose();
        _sending.Dispose();
        _applying.Dispose();
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
                await ApplyAsync(config, cancellation);
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

    private async Task ApplyAsync(ConfigMessage config, CancellationToken cancellation)
    {
        await _applying.WaitAsync(cancellation);
        try
        {
            _errors = config.Hash == target.ConfigHash ? [] : await target.ApplyConfigAsync(config);
            _refused = _errors.Count > 0 ? config : null;
            await AckAsync(config.Hash, _errors, cancellation);
        }
        finally
        {
            _applying.Release();
        }

        if (_refused is not null && _retrying.IsCompleted)
        {
            _retrying = RetryAsync(cancellation);
        }
    }

    /// <summary>Tries what was refused again, until it is in force or another config has come, and says so where something is different.</summary>
    private async Task RetryAsync(CancellationToken cancellation)
    {
        try
        {
            var rest = FirstRetry;
            while (Volatile.Read(ref _refused) is { } refused)
            {
                await Task.Delay(rest, time, cancellation);
                rest =
                    !await AgainAsync(refused, cancellation) ? FirstRetry
                    : 2 * rest < LastRetry ? 2 * rest
                    : LastRetry;
            }
        }
        catch (Exception) when (!cancellation.IsCancellationRequested)
        {
            // The stream begins anew, and with it the config.
            _socket.Abort();
            throw;
        }
    }

    /// <summary>False: it is no longer the newest.</summary>
    private async Task<bool> AgainAsync(ConfigMessage refused, CancellationToken cancellation)
    {
        await _applying.WaitAsync(cancellation);
        try
        {
            if (!ReferenceEquals(_refused, refused))
            {
                return false;
            }

            var errors = refused.Hash == target.ConfigHash ? [] : await target.ApplyConfigAsync(refused);
            _refused = errors.Count > 0 ? refused : null;
            if (!errors.SequenceEqual(_errors, StringComparer.Ordinal))
            {
                _errors = errors;
                await AckAsync(refused.Hash, errors, cancellation);
            }

            return true;
        }
        finally
        {
            _applying.Release();
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
