using System.Buffers;
using System.Text.Json;

namespace Mooring.Operator.AdminApi;

/// <summary>Reads what was sent: bounded, and each fault by its field.</summary>
internal static class RequestBody
{
    /// <summary>Longer ones are not read.</summary>
    public const int MaxBytes = 16 * 1024;

    private const string Field = "instances";

    public static async Task<AdminOutcome<ScaleRequest>> ReadAsync(HttpContext context)
    {
        if (
            context.Request.ContentType?.Split(';')[0].Trim() is not { } type
            || !type.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        )
        {
            return new Problem(415, "Unsupported Media Type", "the body must be application/json");
        }

        var reader = context.Request.BodyReader;
        while (true)
        {
            var result = await reader.ReadAsync(context.RequestAborted);
            if (result.Buffer.Length > MaxBytes)
            {
                reader.AdvanceTo(result.Buffer.End);
                return new Problem(413, "Content Too Large", $"the body is longer than {MaxBytes} bytes");
            }

            if (result.IsCompleted)
            {
                var outcome = Parse(result.Buffer);
                // The server goes on to the next request from here.
                reader.AdvanceTo(result.Buffer.End);
                return outcome;
            }

            reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }

    /// <summary>Pure.</summary>
    internal static AdminOutcome<ScaleRequest> Parse(ReadOnlySequence<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 4 });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                return Problem.BadRequest("", "must be an object such as {\"instances\": 2}");
            }

            if (
                document.RootElement.EnumerateObject().Select(static member => member.Name).FirstOrDefault(static name => name != Field) is
                { } unknown
            )
            {
                return Problem.BadRequest(Short(unknown), $"unknown field; there is {Field}");
            }

            if (!document.RootElement.TryGetProperty(Field, out var value))
            {
                return Problem.BadRequest(Field, "required");
            }

            return
                value.ValueKind == JsonValueKind.Number
                && value.TryGetInt32(out var instances)
                && instances is >= 1 and <= ScaleRequest.MaxInstances
                ? new ScaleRequest { Instances = instances }
                : Problem.BadRequest(Field, $"must be a whole number of 1 to {ScaleRequest.MaxInstances}, not {Short(value.GetRawText())}");
        }
        catch (JsonException error)
        {
            return Problem.BadRequest("", $"not JSON: line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}");
        }
        catch (InvalidOperationException)
        {
            // The parser looks at the bytes of a text only when it is read.
            return Problem.BadRequest("", "not JSON: a text is not Unicode");
        }
    }

    // Not in the middle of a surrogate pair.
    private static string Short(string text) => text.Length > 40 ? text[..(char.IsHighSurrogate(text[39]) ? 39 : 40)] + "…" : text;
}
