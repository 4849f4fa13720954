using System.Text.Json;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Options;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Sessions;

namespace Mooring.Gateway.Hub.Api;

/// <summary>The calls of the API that concern channels. Each writes one whole answer.</summary>
internal sealed class ChannelCalls(HubNode node)
{
    private const int MaxChannels = 1000;
    private const int MaxHistory = 1000;
    private const int MaxKeyLength = 128;

    public async ValueTask PublishAsync(ApiRequest request, Utf8JsonWriter json)
    {
        request.Refuse("version", "version_epoch");
        var channel = request.Channel();
        Write(json, await Prepare(channel, Encode(request), request)());
    }

    public async ValueTask BroadcastAsync(ApiRequest request, Utf8JsonWriter json)
    {
        request.Refuse("version", "version_epoch");
        var channels = request.Texts("channels", MaxChannels);
        var payload = Encode(request);
        if (channels.Count == 0 || !channels.All(HubOptions.IsValid))
        {
            throw new ApiException($"channels: must be 1 to {MaxChannels} names of 1 to 255 bytes");
        }

        // All of them before the first is called: who gets an error for the whole may send it again.
        var calls = channels.Select(channel => Prepare(channel, payload, request)).ToList();
        json.WriteStartObject();
        json.WriteStartObject("result"u8);
        json.WriteStartArray("responses"u8);
        await foreach (var published in HubApi.InOrderAsync(calls, static call => call()))
        {
            Write(json, published);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    public async ValueTask HistoryAsync(ApiRequest request, Utf8JsonWriter json)
    {
        var channel = request.Channel();
        if (node.Options.Find(channel) is not { } options)
        {
            HubApi.WriteError(json, HubError.UnknownChannel);
            return;
        }

        if (options.Config.History is null)
        {
            HubApi.WriteError(json, HubError.NotAvailable);
            return;
        }

        var limit = request.Number("limit") ?? 0;
        var query = new HistoryQuery(
            request.Since(),
            limit < 0 ? MaxHistory : (int)Math.Min(limit, MaxHistory),
            request.Flag("reverse"),
            options.MetaTtl
        );
        var history = await node.Broker.HistoryAsync(channel, query);
        if (Failed(history.Status, json))
        {
            return;
        }

        json.WriteStartObject();
        json.WriteStartObject("result"u8);
        json.WriteStartArray("publications"u8);
        foreach (var one in history.Publications)
        {
            if (PublicationParts.TryDecode(one.Payload, one.Offset, out var parts))
            {
                Write(json, parts);
            }
        }

        json.WriteEndArray();
        json.WriteNumber("offset"u8, history.Top.Offset);
        json.WriteString("epoch"u8, history.Top.Epoch);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    public async ValueTask RemoveHistoryAsync(ApiRequest request, Utf8JsonWriter json)
    {
        var channel = request.Channel();
        if (!Failed(await node.Broker.RemoveHistoryAsync(channel), json))
        {
            ClientCalls.WriteDone(json);
        }
    }

    public async ValueTask PresenceAsync(ApiRequest request, Utf8JsonWriter json)
    {
        var channel = request.Channel();
        if (!HasPresence(channel, json))
        {
            return;
        }

        var present = await node.Broker.PresenceAsync(channel);
        if (Failed(present.Status, json))
        {
            return;
        }

        json.WriteStartObject();
        json.WriteStartObject("result"u8);
        json.WriteStartObject("presence"u8);
        foreach (var info in ChannelHandler.Decode(present.Entries))
        {
            json.WritePropertyName(info.Client);
            Write(json, info);
        }

        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    public async ValueTask PresenceStatsAsync(ApiRequest request, Utf8JsonWriter json)
    {
        var channel = request.Channel();
        if (!HasPresence(channel, json))
        {
            return;
        }

        var stats = await node.Broker.PresenceStatsAsync(channel);
        if (Failed(stats.Status, json))
        {
            return;
        }

        json.WriteStartObject();
        json.WriteStartObject("result"u8);
        json.WriteNumber("num_clients"u8, stats.Clients);
        json.WriteNumber("num_users"u8, stats.Users);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static bool Failed(BrokerStatus status, Utf8JsonWriter json)
    {
        if (status == BrokerStatus.Ok)
        {
            return false;
        }

        HubApi.WriteError(json, ChannelHandler.ErrorOf(status));
        return true;
    }

    private static void Write(Utf8JsonWriter json, in PublicationParts publication)
    {
        json.WriteStartObject();
        var data = publication.Data.Span;
        if (HubCodec.Json.CanCarry(data))
        {
            json.WritePropertyName("data"u8);
            json.WriteRawValue(data, skipInputValidation: true);
        }
        else
        {
            json.WriteBase64String("b64data"u8, data);
        }

        json.WriteNumber("offset"u8, publication.Offset);
        if (publication.Info is { } info)
        {
            json.WritePropertyName("info"u8);
            Write(json, info);
        }

        if (publication.Tags is { } tags)
        {
            json.WriteStartObject("tags"u8);
            foreach (var (key, value) in tags)
            {
                json.WriteString(key, value);
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, ClientInfo info)
    {
        json.WriteStartObject();
        json.WriteString("user"u8, info.User);
        json.WriteString("client"u8, info.Client);
        foreach (var (name, value) in new[] { ("conn_info", info.ConnInfo), ("chan_info", info.ChanInfo) })
        {
            if (!value.IsEmpty)
            {
                json.WritePropertyName(name);
                json.WriteRawValue(value.Span, skipInputValidation: true);
            }
        }

        json.WriteEndObject();
    }

    private byte[] Encode(ApiRequest request) => PublicationParts.Encode(request.Data(), null, request.Tags(), node.UnixMilliseconds);

    /// <summary>What publishes to a channel when it is called.</summary>
    /// <exception cref="ApiException">The request asks for what there is not.</exception>
    private Func<ValueTask<Published>> Prepare(string channel, byte[] payload, ApiRequest request)
    {
        if (node.Options.Find(channel) is not { } options)
        {
            return static () => ValueTask.FromResult(new Published { Error = HubError.UnknownChannel });
        }

        if (options.Queue is { } queue)
        {
            var job = QueueCalls.Draft(payload, request);
            return () => QueueCalls.EnqueueAsync(node, channel, job, queue);
        }

        var publish = request.Flag("skip_history") ? PublishOptions.None : options.Publish;
        if (request.OptionalText("idempotency_key") is { Length: > 0 } key)
        {
            publish =
                key.Length <= MaxKeyLength
                    ? publish with
                    {
                        IdempotencyKey = key,
                    }
                    : throw new ApiException($"idempotency_key: must have at most {MaxKeyLength} characters");
        }

        return () => PublishAsync(channel, payload, publish);
    }

    private async ValueTask<Published> PublishAsync(string channel, byte[] payload, PublishOptions options)
    {
        var result = await node.Broker.PublishAsync(channel, payload, options);
        return result.Status == BrokerStatus.Ok
            ? new Published { Position = result.Position }
            : new Published { Error = ChannelHandler.ErrorOf(result.Status) };
    }

    private static void Write(Utf8JsonWriter json, in Published published)
    {
        if (published.Error is { } error)
        {
            HubApi.WriteError(json, error);
            return;
        }

        json.WriteStartObject();
        json.WriteStartObject("result"u8);
        if (published.Job is { } job)
        {
            json.WriteNumber("job"u8, job);
        }
        else if (published.Position.Offset != 0)
        {
            json.WriteNumber("offset"u8, published.Position.Offset);
            json.WriteString("epoch"u8, published.Position.Epoch);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private bool HasPresence(string channel, Utf8JsonWriter json)
    {
        if (node.Options.Find(channel) is not { } options)
        {
            HubApi.WriteError(json, HubError.UnknownChannel);
            return false;
        }

        if (!options.Config.Presence)
        {
            HubApi.WriteError(json, HubError.NotAvailable);
        }

        return options.Config.Presence;
    }
}
