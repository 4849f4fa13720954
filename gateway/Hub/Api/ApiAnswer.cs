namespace Mooring.Gateway.Hub.Api;

/// <param name="Status">Of HTTP.</param>
/// <param name="Phrase">Its reason phrase.</param>
/// <param name="Body">JSON.</param>
internal readonly record struct ApiAnswer(int Status, string Phrase, ReadOnlyMemory<byte> Body)
{
    public static readonly ApiAnswer Fault = new(
        500,
        "Internal Server Error",
        "{\"error\":{\"code\":100,\"message\":\"internal server error\"}}"u8.ToArray()
    );

    public static ApiAnswer Ok(ReadOnlyMemory<byte> body) => new(200, "OK", body);

    public static ApiAnswer BadRequest(ReadOnlyMemory<byte> body) => new(400, "Bad Request", body);

    public static ApiAnswer NotFound(ReadOnlyMemory<byte> body) => new(404, "Not Found", body);

    /// <summary>Goes on with the answer once it is there. What throws is a fault of the gateway, and answered as one.</summary>
    public static async Task WhenReadyAsync(ValueTask<ApiAnswer> answer, Action<ApiAnswer> next)
    {
        ApiAnswer done;
        try
        {
            done = await answer.ConfigureAwait(false);
        }
        catch (Exception error)
        {
            await Console.Error.WriteLineAsync($"A request to the Hub's API failed for a fault of the gateway: {error}");
            done = Fault;
        }

        next(done);
    }
}
