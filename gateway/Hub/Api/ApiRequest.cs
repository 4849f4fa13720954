using System.Text;
using System.Text.Json;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Options;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Sessions;

namespace Mooring.Gateway.Hub.Api;

/// <summary>Reads the parameters of one call. What is missing or of the wrong type is said by name.</summary>
internal readonly struct ApiRequest(JsonElement parameters)
{
    /// <summary>A parameter that must be there, and not empty.</summary>
    /// <exception cref="ApiException">It is not.</exception>
    public string Text(string name) => OptionalText(name) is { Length: > 0 } text ? text : throw new ApiException($"{name}: is required");

    public string? OptionalText(string name) =>
        !Has(name, out var value) ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw new ApiException($"{name}: must be a string");

    public string Channel()
    {
        var channel = Text("channel");
        return HubOptions.IsValid(channel)
            ? channel
            : throw new ApiException("channel: must have 1 to 255 bytes and no control characters");
    }

    public IReadOnlyList<string> Texts(string name, int max)
    {
        if (!Has(name, out var value))
        {
            return [];
        }

        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > max)
        {
            throw new ApiException($"{name}: must be a list of at most {max} strings");
        }

        return
        [
            .. value
                .EnumerateArray()
                .Select(one =>
                    one.ValueKind == JsonValueKind.String ? one.GetString()! : throw new ApiException($"{name}: must be strings")
                ),
        ];
    }

    public bool Flag(string name) =>
        Has(name, out var value)
        && (
            value.ValueKind is JsonValueKind.True or JsonValueKind.False
                ? value.GetBoolean()
                : throw new ApiException($"{name}: must be true or false")
        );

    public long? Number(string name) =>
        !Has(name, out var value) ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number
        : throw new ApiException($"{name}: must be a whole number");

    public JsonElement? Any(string name) => Has(name, out var value) ? value : null;

    /// <summary>JSON of a parameter, be it as it is or in base64 under <c>b64</c> and its name; null: it is not there.</summary>
    public string? Raw(string name)
    {
        var encodedName = $"b64{name}";
        if (!Has(encodedName, out var encoded))
        {
            return Has(name, out var value) ? value.GetRawText() : null;
        }

        return encoded.ValueKind == JsonValueKind.String && encoded.TryGetBytesFromBase64(out var bytes) && ConnectHandler.IsInfo(bytes)
            ? Encoding.UTF8.GetString(bytes)
            : throw new ApiException($"{encodedName}: must be base64 of JSON");
    }

    /// <summary>What Centrifugo knows and this does not must not pass as if it were heeded. What says nothing, such as 0, may be there.</summary>
    /// <exception cref="ApiException">Error 108: one of them is there.</exception>
    public void Refuse(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (Has(name, out var value) && value.GetRawText() is not ("0" or "\"\"" or "false"))
            {
                throw new ApiException($"{name}: is not supported", HubError.NotAvailable.Code);
            }
        }
    }

    /// <summary>What is published: <c>data</c> as it is, or the bytes of <c>b64data</c>.</summary>
    public byte[] Data()
    {
        if (Has("b64data", out var encoded))
        {
            return encoded.ValueKind == JsonValueKind.String && encoded.TryGetBytesFromBase64(out var bytes) && bytes.Length > 0
                ? bytes
                : throw new ApiException("b64data: must be base64 of at least one byte");
        }

        return parameters.TryGetProperty("data", out var data)
            ? Encoding.UTF8.GetBytes(data.GetRawText())
            : throw new ApiException("data: is required");
    }

    /// <summary>Of one that is there twice, the last.</summary>
    public IReadOnlyList<KeyValuePair<string, string>>? Tags()
    {
        const int MaxTags = 16;
        if (!Has("tags", out var tags))
        {
            return null;
        }

        if (tags.ValueKind != JsonValueKind.Object || tags.EnumerateObject().Count() > MaxTags)
        {
            throw new ApiException($"tags: must be an object of at most {MaxTags} strings");
        }

        var last = new Dictionary<string, string>();
        foreach (var one in tags.EnumerateObject())
        {
            last[one.Name] =
                one.Value.ValueKind == JsonValueKind.String
                    ? one.Value.GetString()!
                    : throw new ApiException($"tags.{one.Name}: must be a string");
        }

        return [.. last];
    }

    public StreamPosition? Since()
    {
        if (!Has("since", out var since))
        {
            return null;
        }

        if (
            since.ValueKind != JsonValueKind.Object
            || (since.TryGetProperty("offset", out var offset) && !offset.TryGetUInt64(out _))
            || (since.TryGetProperty("epoch", out var epoch) && epoch.ValueKind != JsonValueKind.String)
        )
        {
            throw new ApiException("since: must have offset and epoch");
        }

        return new StreamPosition(
            since.TryGetProperty("offset", out offset) ? offset.GetUInt64() : 0,
            since.TryGetProperty("epoch", out epoch) ? epoch.GetString()! : ""
        );
    }

    private bool Has(string name, out JsonElement value)
    {
        value = default;
        return parameters.ValueKind == JsonValueKind.Object
            && parameters.TryGetProperty(name, out value)
            && value.ValueKind != JsonValueKind.Null;
    }
}

/// <summary>A call cannot be understood, or asks for what there is not.</summary>
/// <param name="message">For the caller; names the parameter.</param>
/// <param name="code">Of the error.</param>
internal sealed class ApiException(string message, uint code = ApiException.BadRequest) : Exception(message)
{
    public const uint BadRequest = 107;

    public uint Code { get; } = code;
}
