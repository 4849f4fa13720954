using System.Text.Json;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Queues;
using Mooring.Gateway.Hub.Sessions;

namespace Mooring.Gateway.Hub.Api;

/// <summary>The calls of the API that concern queues, which Centrifugo has not. Each writes one whole answer.</summary>
internal sealed class QueueCalls(HubNode node)
{
    private const int MaxJobs = 100;
    private const int MaxKeyLength = 128;

    /// <summary>A job, which is what a publication is to other channels. Tags <c>priority</c> and <c>delay</c> (in ms) say how.</summary>
    /// <exception cref="ApiException">They say what there is not.</exception>
    public static JobDraft Draft(byte[] payload, ApiRequest request)
    {
        var tags = request.Tags()?.ToDictionary() ?? [];
        var key = request.OptionalText("idempotency_key");
        if (key?.Length > MaxKeyLength)
        {
            throw new ApiException($"idempotency_key: must have at most {MaxKeyLength} characters");
        }

        return new JobDraft(
            payload,
            (int)Number(tags, "priority", 9),
            TimeSpan.FromMilliseconds(Number(tags, "delay", (long)QueueRequest.MaxDelay.TotalMilliseconds)),
            string.IsNullOrEmpty(key) ? null : key
        );
    }

    public static async ValueTask<Published> EnqueueAsync(HubNode node, string channel, JobDraft job, QueueOptions options)
    {
        var result = await node.Queues.EnqueueAsync(channel, job, options);
        return result.Status == BrokerStatus.Ok
            ? new Published { Job = result.Id }
            : new Published { Error = ChannelHandler.ErrorOf(result.Status) };
    }

    public async ValueTask StatsAsync(ApiRequest request, Utf8JsonWriter json)
    {
        if (Find(request, json) is not { } queue)
        {
            return;
        }

        var stats = await node.Queues.StatsAsync(queue.Channel, queue.Group, queue.Options);
        if (stats.Status != BrokerStatus.Ok)
        {
            HubApi.WriteError(json, ChannelHandler.ErrorOf(stats.Status));
            return;
        }

        json.WriteStartObject();
        json.WriteStartObject("result"u8);
        json.WriteNumber("ready"u8, stats.Ready);
        json.WriteNumber("delayed"u8, stats.Delayed);
        json.WriteNumber("leased"u8, stats.Leased);
        json.WriteNumber("dead"u8, stats.Dead);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    public async ValueTask DeadAsync(ApiRequest request, Utf8JsonWriter json)
    {
        if (Find(request, json) is not { } queue)
        {
            return;
        }

        var dead = await node.Queues.DeadAsync(queue.Channel, queue.Group, Limit(request), queue.Options);
        if (dead.Status != BrokerStatus.Ok)
        {
            HubApi.WriteError(json, ChannelHandler.ErrorOf(dead.Status));
            return;
        }

        json.WriteStartObject();
        json.WriteStartObject("result"u8);
        json.WriteStartArray("jobs"u8);
        foreach (var job in dead.Jobs)
        {
            Write(json, job);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    public async ValueTask RedriveAsync(ApiRequest request, Utf8JsonWriter json)
    {
        if (Find(request, json) is not { } queue)
        {
            return;
        }

        var moved = await node.Queues.RedriveAsync(queue.Channel, queue.Group, Limit(request), queue.Options);
        if (moved < 0)
        {
            HubApi.WriteError(json, HubError.Internal);
            return;
        }

        json.WriteStartObject();
        json.WriteStartObject("result"u8);
        json.WriteNumber("jobs"u8, moved);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static int Limit(ApiRequest request) => (int)Math.Clamp(request.Number("limit") ?? MaxJobs, 1, MaxJobs);

    private static long Number(Dictionary<string, string> tags, string name, long most) =>
        !tags.TryGetValue(name, out var text) ? 0
        : long.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number)
        && number <= most
            ? number
        : throw new ApiException($"tags.{name}: must be 0 to {most}");

    private static void Write(Utf8JsonWriter json, in DeadJob job)
    {
        json.WriteStartObject();
        json.WriteNumber("job"u8, job.Id);
        json.WriteNumber("attempts"u8, job.Attempts);
        json.WriteString("reason"u8, job.Reason);
        if (PublicationParts.TryDecode(job.Payload, 0, out var parts))
        {
            if (HubCodec.Json.CanCarry(parts.Data.Span))
            {
                json.WritePropertyName("data"u8);
                json.WriteRawValue(parts.Data.Span, skipInputValidation: true);
            }
            else
            {
                json.WriteBase64String("b64data"u8, parts.Data.Span);
            }
        }

        json.WriteEndObject();
    }

    private (string Channel, string Group, QueueOptions Options)? Find(ApiRequest request, Utf8JsonWriter json)
    {
        var channel = request.Channel();
        if (node.Options.Find(channel) is not { Queue: { } options })
        {
            HubApi.WriteError(json, HubError.UnknownChannel);
            return null;
        }

        var group = request.OptionalText("group") ?? options.Groups[0];
        return options.Groups.Contains(group)
            ? (channel, group, options)
            : throw new ApiException("group: the namespace has no such group");
    }
}
