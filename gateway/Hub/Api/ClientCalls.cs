using System.IO.Enumeration;
using System.Text.Json;
using Mooring.Gateway.Hub.Control;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Sessions;

namespace Mooring.Gateway.Hub.Api;

/// <summary>The calls of the API that concern connections, wherever they are, and the gateways. Each writes one whole answer.</summary>
internal sealed class ClientCalls(HubNode node)
{
    private const int MaxExcepted = 100;

    public static void WriteDone(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteStartObject("result"u8);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    public async ValueTask SubscribeAsync(ApiRequest request, Utf8JsonWriter json)
    {
        request.Refuse("recover_since", "override");
        var channel = request.Channel();
        if (node.Options.Find(channel) is null)
        {
            HubApi.WriteError(json, HubError.UnknownChannel);
            return;
        }

        await SendAsync(
            Order(request, ControlKind.Subscribe) with
            {
                Channel = channel,
                Info = request.Raw("info"),
                Data = request.Raw("data"),
                ExpiresAt = ExpireAt(request),
            },
            json
        );
    }

    public ValueTask UnsubscribeAsync(ApiRequest request, Utf8JsonWriter json) =>
        SendAsync(Order(request, ControlKind.Unsubscribe) with { Channel = request.Channel() }, json);

    public ValueTask DisconnectAsync(ApiRequest request, Utf8JsonWriter json)
    {
        var (code, reason) = (HubDisconnect.ForceNoReconnect.Code, HubDisconnect.ForceNoReconnect.Reason);
        if (request.Any("disconnect") is { } given)
        {
            var own = new ApiRequest(given);
            code = (int)Math.Clamp(own.Number("code") ?? code, 0, 9999);
            reason = own.OptionalText("reason") ?? "";
        }

        if (code is < 3000 or > 4999 || !DisconnectReason.IsPlain(reason))
        {
            throw new ApiException("disconnect: code must be 3000 to 4999, and reason plain text of at most 123 bytes that is no JSON");
        }

        var order = Order(request, ControlKind.Disconnect) with
        {
            Code = code,
            Reason = reason,
            Except = request.Texts("whitelist", MaxExcepted),
        };
        return SendAsync(order, json);
    }

    public ValueTask RefreshAsync(ApiRequest request, Utf8JsonWriter json)
    {
        request.Refuse("info");
        return SendAsync(
            Order(request, ControlKind.Refresh) with
            {
                Expired = request.Flag("expired"),
                ExpiresAt = ExpireAt(request) ?? 0,
            },
            json
        );
    }

    public async ValueTask ChannelsAsync(ApiRequest request, Utf8JsonWriter json)
    {
        var pattern = request.OptionalText("pattern");
        var channels = await node.Control.ChannelsAsync();
        json.WriteStartObject();
        json.WriteStartObject("result"u8);
        json.WriteStartObject("channels"u8);
        foreach (var (channel, clients) in channels)
        {
            if (string.IsNullOrEmpty(pattern) || FileSystemName.MatchesSimpleExpression(pattern, channel, ignoreCase: false))
            {
                json.WriteStartObject(channel);
                json.WriteNumber("num_clients"u8, clients);
                json.WriteEndObject();
            }
        }

        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    public async ValueTask InfoAsync(Utf8JsonWriter json)
    {
        var users = await node.Control.UsersAsync();
        json.WriteStartObject();
        json.WriteStartObject("result"u8);
        json.WriteStartArray("nodes"u8);
        foreach (var (name, figures) in node.Control.Nodes())
        {
            json.WriteStartObject();
            json.WriteString("uid"u8, name);
            json.WriteString("name"u8, name);
            json.WriteString("version"u8, "mooring"u8);
            json.WriteNumber("num_clients"u8, figures.Clients);
            if (users.TryGetValue(name, out var count))
            {
                // Not known of a gateway of an older version.
                json.WriteNumber("num_users"u8, count);
            }

            json.WriteNumber("num_subs"u8, figures.Subscriptions);
            json.WriteNumber("num_channels"u8, figures.Channels);
            json.WriteNumber("uptime"u8, figures.UptimeSeconds);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>To the connections of a user, or to one by its id.</summary>
    private static ControlMessage Order(ApiRequest request, ControlKind kind)
    {
        request.Refuse("session");
        var (user, client) = (request.OptionalText("user") ?? "", request.OptionalText("client"));
        return user.Length > 0 || client is { Length: > 0 }
            ? new ControlMessage
            {
                Kind = kind,
                User = user,
                Client = client is { Length: > 0 } ? client : null,
            }
            : throw new ApiException("user: is required where client is not given");
    }

    private static long? ExpireAt(ApiRequest request) =>
        request.Number("expire_at") is not { } at ? null
        : at is >= 0 and <= ControlMessage.MaxExpiresAt ? at
        : throw new ApiException("expire_at: must be 0 or Unix seconds");

    private async ValueTask SendAsync(ControlMessage order, Utf8JsonWriter json)
    {
        var status = await node.Control.SendAsync(order);
        if (status == BrokerStatus.Ok)
        {
            WriteDone(json);
        }
        else
        {
            HubApi.WriteError(json, ChannelHandler.ErrorOf(status));
        }
    }
}
