/** Creates a topic unless it exists, so that an example can run again. */
export async function ensureTopic(sluice, name, partitions = 1) {
  await sluice.admin.createTopic({ name, partitions }).catch((error) => {
    if (error.code !== 'TOPIC_ALREADY_EXISTS') throw error;
  });
}
