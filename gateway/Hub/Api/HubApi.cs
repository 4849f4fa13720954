using System.Text;
using System.Text.Json;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Sessions;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.Hub.Api;

/// <summary>The HTTP API: <c>POST /api/method</c> with a JSON object; answers are those of Centrifugo's. Thread-safe.</summary>
/// <remarks>
/// An answer is <c>{"result":{…}}</c> or <c>{"error":{code,message}}</c>, with status 200; 400 where the request cannot be understood and 404 for a method
/// that is not known. Orders to connections go to all gateways, so their result says that they went out.
/// </remarks>
internal sealed class HubApi(HubNode node, ApiKeys keys)
{
    private const int MaxBatch = 1000;

    /// <summary>Calls of one request that are under way together: some trips to the broker instead of hundreds, and bounded.</summary>
    private const int MaxTogether = 64;

    private readonly ChannelCalls _channels = new(node);
    private readonly ClientCalls _clients = new(node);
    private readonly QueueCalls _queues = new(node);

    public bool Knows(HttpHead head, ReadOnlySpan<byte> data) => keys.Knows(head, data);

    /// <param name="path">With <c>/api/</c> in front; a query is not looked at.</param>
    /// <param name="body">JSON.</param>
    public async ValueTask<ApiAnswer> HandleAsync(string path, byte[] body)
    {
        var query = path.IndexOf('?', StringComparison.Ordinal);
        var method = (query < 0 ? path : path[..query]).Replace("/api/", "", StringComparison.Ordinal);
        using var buffer = new MemoryStream();
        await using var json = new Utf8JsonWriter(buffer);
        try
        {
            using var document = JsonDocument.Parse(body.Length == 0 ? "{}"u8.ToArray() : body);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new ApiException("must be a JSON object");
            }

            var known =
                method == "batch" ? await BatchAsync(document.RootElement, json) : await CallAsync(method, document.RootElement, json);
            if (!known)
            {
                WriteError(json, HubError.MethodNotFound);
                await json.FlushAsync();
                return ApiAnswer.NotFound(buffer.ToArray());
            }

            await json.FlushAsync();
            return ApiAnswer.Ok(buffer.ToArray());
        }
        catch (Exception error) when (IsWrong(error))
        {
            json.Reset();
            buffer.SetLength(0);
            WriteError(json, Describe(error));
            await json.FlushAsync();
            return ApiAnswer.BadRequest(buffer.ToArray());
        }
    }

    /// <summary>Makes a call for each, up to some at a time, and gives their results in order.</summary>
    public static async IAsyncEnumerable<TResult> InOrderAsync<T, TResult>(IEnumerable<T> all, Func<T, ValueTask<TResult>> call)
    {
        var underWay = new Queue<Task<TResult>>(MaxTogether);
        foreach (var one in all)
        {
            if (underWay.Count == MaxTogether)
            {
                yield return await underWay.Dequeue();
            }

            underWay.Enqueue(call(one).AsTask());
        }

        while (underWay.TryDequeue(out var next))
        {
            yield return await next;
        }
    }

    public static void WriteError(Utf8JsonWriter json, HubError error)
    {
        json.WriteStartObject();
        json.WriteStartObject("error"u8);
        json.WriteNumber("code"u8, error.Code);
        json.WriteString("message"u8, error.Message);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>Writes a whole answer. False, and nothing is written, when the method is not known.</summary>
    private async ValueTask<bool> CallAsync(string method, JsonElement parameters, Utf8JsonWriter json)
    {
        var request = new ApiRequest(parameters);
        switch (method)
        {
            case "publish":
                await _channels.PublishAsync(request, json);
                return true;
            case "broadcast":
                await _channels.BroadcastAsync(request, json);
                return true;
            case "history":
                await _channels.HistoryAsync(request, json);
                return true;
            case "history_remove":
                await _channels.RemoveHistoryAsync(request, json);
                return true;
            case "presence":
                await _channels.PresenceAsync(request, json);
                return true;
            case "presence_stats":
                await _channels.PresenceStatsAsync(request, json);
                return true;
            case "queue_stats":
                await _queues.StatsAsync(request, json);
                return true;
            case "queue_dead":
                await _queues.DeadAsync(request, json);
                return true;
            case "queue_redrive":
                await _queues.RedriveAsync(request, json);
                return true;
            case "subscribe":
                await _clients.SubscribeAsync(request, json);
                return true;
            case "unsubscribe":
                await _clients.UnsubscribeAsync(request, json);
                return true;
            case "disconnect":
                await _clients.DisconnectAsync(request, json);
                return true;
            case "refresh":
                await _clients.RefreshAsync(request, json);
                return true;
            case "channels":
                await _clients.ChannelsAsync(request, json);
                return true;
            case "info":
                await _clients.InfoAsync(json);
                return true;
            default:
                return false;
        }
    }

    private async ValueTask<bool> BatchAsync(JsonElement parameters, Utf8JsonWriter json)
    {
        if (
            !parameters.TryGetProperty("commands", out var commands)
            || commands.ValueKind != JsonValueKind.Array
            || commands.GetArrayLength() > MaxBatch
        )
        {
            throw new ApiException($"commands: must be a list of at most {MaxBatch}");
        }

        json.WriteStartObject();
        json.WriteStartArray("replies"u8);
        if (new ApiRequest(parameters).Flag("parallel"))
        {
            await foreach (var reply in InOrderAsync(commands.EnumerateArray(), CallOneAsync))
            {
                json.WriteRawValue(reply.Span, skipInputValidation: true);
            }
        }
        else
        {
            foreach (var command in commands.EnumerateArray())
            {
                json.WriteRawValue((await CallOneAsync(command)).Span, skipInputValidation: true);
            }
        }

        json.WriteEndArray();
        json.WriteEndObject();
        return true;
    }

    /// <summary>One of a batch, its whole reply: what is wrong with it is its own answer, and the others go on.</summary>
    private async ValueTask<ReadOnlyMemory<byte>> CallOneAsync(JsonElement command)
    {
        using var own = new MemoryStream();
        await using var writer = new Utf8JsonWriter(own);
        var method = "";
        try
        {
            var property = command.ValueKind == JsonValueKind.Object ? command.EnumerateObject().FirstOrDefault() : default;
            method = property.Value.ValueKind == JsonValueKind.Undefined ? "" : property.Name;
            if (!await CallAsync(method, property.Value, writer))
            {
                WriteError(writer, HubError.MethodNotFound);
            }
        }
        catch (Exception error) when (IsWrong(error))
        {
            writer.Reset();
            own.SetLength(0);
            WriteError(writer, Describe(error));
        }

        await writer.FlushAsync();
        var answer = own.ToArray();
        if (answer.AsSpan().StartsWith("{\"error\":"u8))
        {
            return answer;
        }

        // In a batch the result is named as the method is.
        byte[] named = [.. "{\""u8, .. Encoding.ASCII.GetBytes(method), .. answer.AsSpan("{\"result"u8.Length)];
        return named;
    }

    /// <summary>The call cannot be understood. Text with half a surrogate pair is found by whoever reads it first.</summary>
    private static bool IsWrong(Exception error) => error is ApiException or JsonException or InvalidOperationException;

    private static HubError Describe(Exception error) =>
        error is ApiException said ? new HubError(said.Code, said.Message) : new HubError(ApiException.BadRequest, "not valid JSON");
}
