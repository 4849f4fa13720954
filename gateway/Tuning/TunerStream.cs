using System.Net.WebSockets;
using System.Text.Json;
using Mooring.Contracts;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Streams;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Tuning;

/// <summary>Takes orders for a node from the operator's stream and reports back. With the operator gone, the node stays as it is.</summary>
internal sealed class TunerStream(StreamDialer dialer, NodeTuner tuner, HelloMessage hello, GatewayLog log, TimeProvider time)
{
    /// <summary>How often the node is looked at again and reported: the operator takes a stream that is silent for 75 s for dead.</summary>
    public static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan SendTimeout = TimeSpan.FromSeconds(10);
    private TuningMessage? _wanted;

    /// <summary>Runs until cancelled; redials with a growing pause.</summary>
    public async Task RunAsync(Random random, CancellationToken cancellation)
    {
        var backoff = new Backoff(random);
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                using var socket = (await dialer.DialAsync(cancellation)).Socket;
                log.Event("stream_connected");
                await ServeAsync(socket, backoff, cancellation);
            }
            catch (Exception e) when (!cancellation.IsCancellationRequested)
            {
                log.Event("stream_ended", ("reason", e.Message));
            }
            catch (OperationCanceledException)
            {
                return;
            }

            try
            {
                await Task.Delay(backoff.Next(), time, cancellation);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(WebSocket socket, Backoff backoff, CancellationToken cancellation)
    {
        await SendAsync(socket, hello, cancellation);
        var reader = new StreamMessageReader(socket);
        var next = reader.ReadAsync(cancellation);
        var logged = default(string);
        while (true)
        {
            using var wait = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            var checkDue = Task.Delay(CheckInterval, time, wait.Token);
            var isMessage = await Task.WhenAny(next, checkDue) == next;
            await wait.CancelAsync();
            if (isMessage)
            {
                var (message, unread) = await next;
                if (message is null && unread is null)
                {
                    return;
                }

                backoff.Reset();
                next = reader.ReadAsync(cancellation);
                if (message is not TuningMessage tuning)
                {
                    continue;
                }

                _wanted = tuning;
            }

            var report = _wanted is { } wanted
                ? await tuner.RunAsync(
                    wanted.Hash,
                    new NodeSettings
                    {
                        Mode = wanted.Mode,
                        Sysctls = wanted.Sysctls,
                        Modules = wanted.Modules,
                    },
                    cancellation
                )
                : tuner.Idle();
            await SendAsync(socket, report, cancellation);
            var text = string.Join(
                "; ",
                report.Items.Where(item => item.State != TuningState.Tuned).Select(item => $"{item.Name} {item.State}")
            );
            if (_wanted is not null && text != logged)
            {
                logged = text;
                log.Event(
                    "node_looked_at",
                    ("mode", _wanted.Mode.ToString()),
                    ("tuned", report.Items.Count(item => item.State == TuningState.Tuned)),
                    ("of", report.Items.Count),
                    ("problems", text)
                );
            }
        }
    }

    private static async Task SendAsync(WebSocket socket, GatewayMessage message, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(SendTimeout);
        await socket.SendAsync(
            JsonSerializer.SerializeToUtf8Bytes(message, ContractsJson.Default.GatewayMessage),
            WebSocketMessageType.Text,
            true,
            limit.Token
        );
    }
}
