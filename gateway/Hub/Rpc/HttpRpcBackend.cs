using System.Net.Http.Headers;
using System.Text.Json;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Protocol;

namespace Mooring.Gateway.Hub.Rpc;

/// <summary>Carries RPCs to an HTTP backend, in the form of Centrifugo's RPC proxy: a POST with JSON, answered by one of result, error and disconnect.</summary>
/// <remarks>
/// Thread-safe. Bounded in calls under way, in time and in the length of answers. Once disposed of, it takes no call, and its connections are closed with the last
/// one under way.
/// </remarks>
internal sealed class HttpRpcBackend : IRpcBackend, IDisposable
{
    private const int MaxAnswerBytes = 1024 * 1024;
    private const uint FirstOwnCode = 400;
    private const uint LastOwnCode = 1999;

    private readonly HubRpcConfig _config;
    private readonly Uri _url;
    private readonly HttpClient _http;
    private readonly TimeProvider _time;
    private int _running;
    private int _isEnding;

    public HttpRpcBackend(HubRpcConfig config, TimeProvider time)
    {
        (_config, _time) = (config, time);
        _url = new Uri(config.Url);
        _http = new HttpClient(
            new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                UseCookies = false,
                UseProxy = false,
                ConnectTimeout = config.Timeout,
                // So that names are looked up again now and then.
                PooledConnectionLifetime = TimeSpan.FromMinutes(2),
                MaxConnectionsPerServer = config.MaxConcurrent,
            }
        )
        {
            MaxResponseContentBufferSize = MaxAnswerBytes,
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    public async ValueTask<RpcResult> CallAsync(RpcCall call)
    {
        if (Interlocked.Increment(ref _running) > _config.MaxConcurrent)
        {
            Interlocked.Decrement(ref _running);
            return Failed(HubError.TooManyRequests);
        }

        try
        {
            if (Volatile.Read(ref _isEnding) != 0)
            {
                // Whoever asks has only just missed that there is another.
                return Failed(HubError.Internal);
            }

            using var limit = new CancellationTokenSource(_config.Timeout, _time);
            using var content = new ByteArrayContent(Write(call));
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using var answer = await _http.PostAsync(_url, content, limit.Token);
            if (!answer.IsSuccessStatusCode)
            {
                return Failed(HubError.Internal);
            }

            return Read(await answer.Content.ReadAsByteArrayAsync(limit.Token), call.IsJson);
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException or IOException)
        {
            return Failed(HubError.Internal);
        }
        finally
        {
            if (Interlocked.Decrement(ref _running) == 0 && Volatile.Read(ref _isEnding) != 0)
            {
                _http.Dispose();
            }
        }
    }

    public void Dispose()
    {
        Interlocked.Exchange(ref _isEnding, 1);
        if (Volatile.Read(ref _running) == 0)
        {
            _http.Dispose();
        }
    }

    private static byte[] Write(RpcCall call)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("client"u8, call.Client);
            json.WriteString("transport"u8, "websocket"u8);
            json.WriteString("protocol"u8, call.IsJson ? "json" : "protobuf");
            json.WriteString("encoding"u8, call.IsJson ? "json" : "binary");
            json.WriteString("user"u8, call.User);
            json.WriteString("method"u8, call.Method);
            if (!call.IsJson)
            {
                json.WriteBase64String("b64data"u8, call.Data);
            }
            else if (call.Data.Length > 0)
            {
                json.WritePropertyName("data"u8);
                json.WriteRawValue(call.Data, skipInputValidation: true);
            }

            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static RpcResult Read(byte[] body, bool isJson)
    {
        try
        {
            using var answer = JsonDocument.Parse(body);
            var root = answer.RootElement;
            if (root.TryGetProperty("disconnect", out var disconnect) && disconnect.ValueKind == JsonValueKind.Object)
            {
                var code = disconnect.GetProperty("code").GetInt32();
                var reason = disconnect.TryGetProperty("reason", out var text) ? text.GetString() ?? "" : "";
                return code is >= 4000 and <= 4999 && DisconnectReason.IsPlain(reason)
                    ? new RpcResult(default, Disconnect: new HubDisconnect(code, reason))
                    : Failed(HubError.Internal);
            }

            if (root.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object)
            {
                var code = error.GetProperty("code").GetUInt32();
                var message = error.TryGetProperty("message", out var text) ? text.GetString() ?? "" : "";
                var temporary = error.TryGetProperty("temporary", out var again) && again.ValueKind == JsonValueKind.True;
                return code is >= FirstOwnCode and <= LastOwnCode
                    ? Failed(new HubError(code, message, temporary))
                    : Failed(HubError.Internal);
            }

            if (!root.TryGetProperty("result", out var result) || result.ValueKind != JsonValueKind.Object)
            {
                return Failed(HubError.Internal);
            }

            if (result.TryGetProperty("b64data", out var encoded))
            {
                var bytes = encoded.GetBytesFromBase64();
                return isJson && !HubCodec.Json.CanCarry(bytes) ? Failed(HubError.Internal) : new RpcResult(bytes);
            }

            return new RpcResult(
                result.TryGetProperty("data", out var data) ? System.Text.Encoding.UTF8.GetBytes(data.GetRawText()) : default
            );
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return Failed(HubError.Internal);
        }
    }

    private static RpcResult Failed(HubError error) => new(default, error);
}
