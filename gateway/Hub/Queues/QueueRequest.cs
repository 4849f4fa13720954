using System.Text;
using System.Text.Json;

namespace Mooring.Gateway.Hub.Queues;

/// <summary>What a client says of a queue, in JSON. Pure.</summary>
/// <param name="Channel">The queue.</param>
/// <param name="Job">Id of a job; 0: none.</param>
/// <param name="Data">A job's data, as JSON; empty: none.</param>
/// <param name="Priority">0 to 9.</param>
/// <param name="Delay">Null: not said.</param>
/// <param name="Key">Null: none.</param>
internal sealed record QueueRequest(string Channel, long Job, byte[] Data, int Priority, TimeSpan? Delay, string? Key)
{
    /// <summary>Longest wait that a job or its retry may be given.</summary>
    public static readonly TimeSpan MaxDelay = TimeSpan.FromDays(30);

    private const int MaxKeyBytes = 128;

    /// <summary>Null: it is none.</summary>
    public static QueueRequest? Read(ReadOnlySpan<byte> json)
    {
        if (Parse(json) is not { } root)
        {
            return null;
        }

        var request = new QueueRequest("", 0, [], 0, null, null);
        foreach (var property in root.EnumerateObject())
        {
            var (value, isNumber) = (property.Value, property.Value.ValueKind == JsonValueKind.Number);
            switch (property.Name)
            {
                case "channel" when value.ValueKind == JsonValueKind.String:
                    request = request with { Channel = value.GetString()! };
                    break;
                case "job" when isNumber && value.TryGetInt64(out var job) && job > 0:
                    request = request with { Job = job };
                    break;
                case "data":
                    request = request with { Data = Encoding.UTF8.GetBytes(value.GetRawText()) };
                    break;
                case "priority" when isNumber && value.TryGetInt32(out var priority) && priority is >= 0 and <= 9:
                    request = request with { Priority = priority };
                    break;
                case "delay" when isNumber && value.TryGetInt64(out var delay) && delay >= 0 && delay <= MaxDelay.TotalMilliseconds:
                    request = request with { Delay = TimeSpan.FromMilliseconds(delay) };
                    break;
                case "key"
                    when value.ValueKind == JsonValueKind.String
                        && Encoding.UTF8.GetByteCount(value.GetString()!) is > 0 and <= MaxKeyBytes:
                    request = request with { Key = value.GetString() };
                    break;
                default:
                    return null;
            }
        }

        return request;
    }

    /// <summary>What a worker says when it subscribes: <c>{"group":"…","slots":N}</c>, both optional. Null: it is something else.</summary>
    public static QueueMembership? ReadWorker(ReadOnlySpan<byte> json, QueueOptions options)
    {
        var membership = new QueueMembership(options.Groups[0], 1);
        if (json.IsEmpty)
        {
            return membership;
        }

        if (Parse(json) is not { } root)
        {
            return null;
        }

        foreach (var property in root.EnumerateObject())
        {
            var value = property.Value;
            switch (property.Name)
            {
                case "group" when value.ValueKind == JsonValueKind.String && options.Groups.Contains(value.GetString()):
                    membership = membership with { Group = value.GetString()! };
                    break;
                case "slots" when value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var slots) && slots is >= 1 and <= 100:
                    membership = membership with { Slots = slots };
                    break;
                default:
                    return null;
            }
        }

        return membership;
    }

    private static JsonElement? Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            var element = JsonElement.ParseValue(ref reader);
            return element.ValueKind == JsonValueKind.Object && !reader.Read() ? element : null;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Not JSON, or text with half a surrogate pair.
            return null;
        }
    }
}

/// <param name="Group">Of the queue's groups, the worker's.</param>
/// <param name="Slots">Jobs that it does at a time.</param>
internal sealed record QueueMembership(string Group, int Slots);
